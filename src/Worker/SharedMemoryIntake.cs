using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>How one attachment comes to share memory with its coordinator (8.1), (8.2); gRPC does where it does not.</summary>
/// <param name="welcome">Who this worker is, and where the run's memory would be.</param>
/// <param name="parameterCount">Elements of the model.</param>
/// <param name="share">Takes over the channel.</param>
/// <param name="log">Where logs go.</param>
internal sealed class SharedMemoryIntake(Welcome welcome, int parameterCount, Action<SharedChannel> share, ILogger log) : IDisposable
{
    private RunSegment? _segment;
    private SharedChannel? _channel;

    /// <summary>What is shared; null if nothing is, or not yet. Any thread.</summary>
    public SharedChannel? Channel => Volatile.Read(ref _channel);

    /// <summary>Whether the run's memory was there and this worker's was not.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>(8.1) The proof that this worker has the run's memory; empty if it has not.</summary>
    public ByteString Open()
    {
        if (welcome.SharedMemoryPath.Length == 0)
        {
            return ByteString.Empty;
        }

        try
        {
            _segment = RunSegment.Open(welcome.SharedMemoryPath, welcome.Incarnation, parameterCount);
            return ByteString.CopyFrom(_segment.Nonce);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            // As it is between two hosts, or two containers.
            Log.NoSharedMemory(log, e.Message);
            return ByteString.Empty;
        }
    }

    /// <summary>(8.2) This worker's own part.</summary>
    /// <returns>What is wrong; null if nothing is.</returns>
    public string? Take(SharedRegion invitation)
    {
        if (_segment is null || _channel is not null)
        {
            return "it offered a region out of turn";
        }

        try
        {
            var channel = new SharedChannel(_segment, invitation, welcome, parameterCount);
            Volatile.Write(ref _channel, channel);
            share(channel);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            HasFailed = true;
            return e.Message;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_channel is null)
        {
            _segment?.Dispose();
        }

        _channel?.Dispose();
    }
}
