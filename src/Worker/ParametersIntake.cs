using DistTrain.Core.Tensors;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>
/// How parameters come to one attachment (3.1). Who computes may begin with what has come; in the end each set is whole and verified, or lost.
/// </summary>
internal sealed class ParametersIntake(ulong incarnation, int parameterCount, IComputation compute, ChunkReader chunks, ILogger log)
{
    private ParametersHeader _header = new();
    private AlignedBuffer<float>? _buffer;
    private ArrivingParameters? _arrival;

    /// <summary>Gets ready for the chunks, which complete with <see cref="Complete"/>. A set half received is given up for the newer one.</summary>
    /// <returns>What is wrong with the header; null if nothing is.</returns>
    public string? Announce(ParametersHeader header)
    {
        var expected = (ulong)parameterCount * sizeof(float);
        if (header.LengthBytes != expected || header.Checksum.Length != Checksum.SizeBytes)
        {
            return $"it announced parameters of {header.LengthBytes} bytes with a checksum of {header.Checksum.Length}; the model has {expected} and {Checksum.SizeBytes}";
        }

        if (header.Incarnation != incarnation)
        {
            return $"it announced parameters of incarnation {header.Incarnation}; it is {incarnation}";
        }

        GiveUp();
        _header = header;
        _buffer = compute.RentBuffer();
        _arrival = new ArrivingParameters(parameterCount);
        chunks.Begin(TensorBytes.Of(_buffer));
        compute.Use((long)header.Version, _buffer, _arrival);
        return null;
    }

    /// <summary>A chunk has come.</summary>
    public void Advance() => _arrival?.Advance((int)(chunks.Received / sizeof(float)));

    /// <summary>No more of what is being received comes.</summary>
    public void GiveUp()
    {
        chunks.Abandon();
        _arrival?.Lose();
        _arrival = null;
    }

    /// <summary>All have come: whoever computes with them hears whether they are undamaged.</summary>
    public void Complete()
    {
        if (Checksum.Of(TensorBytes.Of(_buffer!).Span).Equals(_header.Checksum))
        {
            _arrival!.Verify();
        }
        else
        {
            // A lease that computes with them, or will, goes back (4.4).
            Log.ParametersDamaged(log, _header.Version);
            _arrival!.Lose();
        }

        _arrival = null;
    }
}
