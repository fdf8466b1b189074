using DistTrain.Core.Tensors;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>How parameters come to one attachment (3.1): each set whole and verified, or not at all.</summary>
internal sealed class ParametersIntake(ulong incarnation, int parameterCount, IComputation compute, ChunkReader chunks, ILogger log) : IDisposable
{
    private ParametersHeader _header = new();
    private AlignedBuffer<float>? _buffer;

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

        chunks.Abandon();
        _header = header;
        _buffer ??= compute.RentBuffer();
        chunks.Begin(TensorBytes.Of(_buffer));
        return null;
    }

    /// <summary>Gives them to whoever computes, if they are undamaged.</summary>
    public void Complete()
    {
        var buffer = _buffer!;
        _buffer = null;
        if (Checksum.Of(TensorBytes.Of(buffer).Span).Equals(_header.Checksum))
        {
            compute.Use((long)_header.Version, buffer);
        }
        else
        {
            // The lease that follows finds no parameters of its version and goes back (4.4).
            Log.ParametersDamaged(log, _header.Version);
            compute.GiveBack(buffer);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer?.Dispose();
}
