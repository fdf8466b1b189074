namespace DistTrain.Core.Tensors;

/// <summary>One named tensor inside a flat buffer.</summary>
/// <param name="Name">PyTorch's <c>state_dict</c> name, for example <c>0.weight</c>.</param>
/// <param name="Shape">PyTorch's layout, for example (out, in) for a Linear weight.</param>
/// <param name="Offset">The first element in the flat buffer.</param>
public sealed record TensorSlot(string Name, Shape Shape, int Offset)
{
    /// <summary>The number of elements.</summary>
    public int Length => Shape.Size;
}

/// <summary>A tensor that is not learnt but measured: a running statistic, such as batch normalisation's mean.</summary>
/// <param name="Name">PyTorch's <c>state_dict</c> name, for example <c>running_mean</c>.</param>
/// <param name="Shape">PyTorch's layout.</param>
/// <param name="Momentum">How far it moves towards a step's statistic, in (0, 1]: running ← running + momentum · (statistic − running).</param>
public sealed record BufferSpec(string Name, Shape Shape, float Momentum);

/// <summary>
/// Where each tensor lies in a model's flat buffer: all parameters in the model's order, then all buffers, no gaps. Parameters, gradients and
/// optimizer slots share it, so wire, checkpoint, hash and optimizer all see one span. In a gradient the place of a buffer holds the sum, over the
/// samples, of the statistic that the buffer follows.
/// </summary>
public sealed class ParameterLayout
{
    /// <summary>Lays the tensors out one after the other.</summary>
    /// <param name="parameters">What is learnt.</param>
    /// <param name="buffers">What is measured; null for none.</param>
    public ParameterLayout(IEnumerable<(string Name, Shape Shape)> parameters, IEnumerable<BufferSpec>? buffers = null)
    {
        var offset = 0;
        ParameterSlots = [.. parameters.Select(tensor => Next(tensor.Name, tensor.Shape))];
        ParameterLength = offset;
        Buffers = [.. (buffers ?? []).Select(buffer => (Next(buffer.Name, buffer.Shape), buffer.Momentum))];
        Slots = [.. ParameterSlots, .. Buffers.Select(buffer => buffer.Slot)];
        Length = offset;

        TensorSlot Next(string name, Shape shape)
        {
            var slot = new TensorSlot(name, shape, offset);
            offset = checked(offset + shape.Size);
            return slot;
        }
    }

    private ParameterLayout(IReadOnlyList<TensorSlot> parameterSlots, int length)
    {
        (Slots, ParameterSlots, Buffers) = (parameterSlots, parameterSlots, []);
        (Length, ParameterLength) = (length, length);
    }

    /// <summary>All tensors, in order.</summary>
    public IReadOnlyList<TensorSlot> Slots { get; }

    /// <summary>The tensors that are learnt, in order.</summary>
    public IReadOnlyList<TensorSlot> ParameterSlots { get; }

    /// <summary>The tensors that are measured, in order, each with its momentum (<see cref="BufferSpec.Momentum"/>).</summary>
    public IReadOnlyList<(TensorSlot Slot, float Momentum)> Buffers { get; }

    /// <summary>The number of elements of all tensors together.</summary>
    public int Length { get; }

    /// <summary>The number of elements that are learnt; they come first.</summary>
    public int ParameterLength { get; }

    /// <summary>The layout of an optimizer's slots: the parameters alone.</summary>
    public ParameterLayout WithoutBuffers() => Buffers.Count == 0 ? this : new ParameterLayout(ParameterSlots, ParameterLength);
}
