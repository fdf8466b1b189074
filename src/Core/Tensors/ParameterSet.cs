namespace DistTrain.Core.Tensors;

/// <summary>A model's parameters (or gradients): one flat buffer with named views.</summary>
public sealed class ParameterSet : IDisposable
{
    private readonly AlignedBuffer<float> _buffer;

    /// <summary>All zero, in memory of its own.</summary>
    /// <param name="layout">Where each tensor lies.</param>
    public ParameterSet(ParameterLayout layout)
    {
        Layout = layout;
        _buffer = new AlignedBuffer<float>(layout.Length);
    }

    /// <summary>The same values in other memory, which belongs to the new object.</summary>
    /// <param name="source">Where the values come from; stays its owner's.</param>
    /// <param name="memory">As many elements as <paramref name="source"/> has.</param>
    public ParameterSet(ParameterSet source, AlignedBuffer<float> memory)
    {
        Layout = source.Layout;
        _buffer = memory;
        source.Values.CopyTo(memory.Span);
    }

    /// <summary>Where each tensor lies.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>All elements.</summary>
    public Span<float> Values => _buffer.Span;

    /// <summary>The first element; valid while this object is.</summary>
    public unsafe float* Pointer => _buffer.Pointer;

    /// <summary>The elements of one tensor.</summary>
    public Span<float> View(TensorSlot slot) => Values.Slice(slot.Offset, slot.Length);

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
