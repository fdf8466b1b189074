namespace DistTrain.Core.Tensors;

/// <summary>A model's parameters (or gradients): one flat buffer with named views.</summary>
/// <param name="layout">Where each tensor lies.</param>
public sealed class ParameterSet(ParameterLayout layout) : IDisposable
{
    private readonly AlignedBuffer<float> _buffer = new(layout.Length);

    /// <summary>Where each tensor lies.</summary>
    public ParameterLayout Layout { get; } = layout;

    /// <summary>All elements.</summary>
    public Span<float> Values => _buffer.Span;

    /// <summary>The first element; valid while this object is.</summary>
    public unsafe float* Pointer => _buffer.Pointer;

    /// <summary>The elements of one tensor.</summary>
    public Span<float> View(TensorSlot slot) => Values.Slice(slot.Offset, slot.Length);

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
