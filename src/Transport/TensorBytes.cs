using System.Buffers;
using DistTrain.Core.Tensors;

namespace DistTrain.Transport;

/// <summary>A buffer of floats seen as bytes, so that it can be sent and received without a copy. The buffer stays its owner's.</summary>
/// <param name="buffer">Must not be disposed of while the memory is in use.</param>
public sealed unsafe class TensorBytes(AlignedBuffer<float> buffer) : MemoryManager<byte>
{
    /// <summary>The bytes of a buffer, little-endian as the wire wants them.</summary>
    /// <exception cref="PlatformNotSupportedException">The processor is big-endian.</exception>
    public static Memory<byte> Of(AlignedBuffer<float> buffer) => BitConverter.IsLittleEndian
        ? new TensorBytes(buffer).Memory
        : throw new PlatformNotSupportedException("DistTrain needs a little-endian processor.");

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(buffer.Pointer, checked(buffer.Length * sizeof(float)));

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)buffer.Pointer + elementIndex);

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
