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

/// <summary>
/// Where each parameter lies in a model's flat buffer: in the model's order, no gaps. Parameters, gradients and optimizer slots share it,
/// so wire, checkpoint, hash and optimizer all see one span.
/// </summary>
public sealed class ParameterLayout
{
    /// <summary>Lays the tensors out one after the other.</summary>
    public ParameterLayout(IEnumerable<(string Name, Shape Shape)> tensors)
    {
        var slots = new List<TensorSlot>();
        var offset = 0;
        foreach (var (name, shape) in tensors)
        {
            slots.Add(new TensorSlot(name, shape, offset));
            offset = checked(offset + shape.Size);
        }

        Slots = slots;
        Length = offset;
    }

    /// <summary>The tensors, in order.</summary>
    public IReadOnlyList<TensorSlot> Slots { get; }

    /// <summary>The number of elements of all tensors together.</summary>
    public int Length { get; }
}
