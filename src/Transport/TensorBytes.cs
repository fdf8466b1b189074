using System.Buffers;
using DistTrain.Core.Tensors;

namespace DistTrain.Transport;

/// <summary>
/// Floats seen as bytes, little-endian as the wire wants them, so that they can be sent and received without a copy. They stay their owner's, who must not
/// dispose of them while the memory is in use.
/// </summary>
public sealed unsafe class TensorBytes : MemoryManager<byte>
{
    private readonly float* _values;
    private readonly int _lengthBytes;

    private TensorBytes(float* values, int length)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("DistTrain needs a little-endian processor.");
        }

        _values = values;
        _lengthBytes = checked(length * sizeof(float));
    }

    /// <summary>The bytes of a buffer.</summary>
    /// <exception cref="PlatformNotSupportedException">The processor is big-endian.</exception>
    public static Memory<byte> Of(AlignedBuffer<float> buffer) => new TensorBytes(buffer.Pointer, buffer.Length).Memory;

    /// <summary>The bytes of a model's parameters.</summary>
    /// <exception cref="PlatformNotSupportedException">The processor is big-endian.</exception>
    public static Memory<byte> Of(ParameterSet parameters) => new TensorBytes(parameters.Pointer, parameters.Layout.Length).Memory;

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_values, _lengthBytes);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)_values + elementIndex);

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
