using System.Globalization;

namespace DistTrain.Core.Tensors;

/// <summary>The dimensions of a tensor, outermost first; immutable, equal by value. A scalar has no dimensions.</summary>
public sealed class Shape : IEquatable<Shape>
{
    private readonly int[] _dimensions;

    /// <summary>A shape with the given dimensions, each at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is below 1, or the element count exceeds <see cref="int.MaxValue"/>.</exception>
    public Shape(params ReadOnlySpan<int> dimensions)
    {
        long size = 1;
        foreach (var dimension in dimensions)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1, nameof(dimensions));
            size *= dimension;
            ArgumentOutOfRangeException.ThrowIfGreaterThan(size, int.MaxValue, nameof(dimensions));
        }

        _dimensions = dimensions.ToArray();
        Size = (int)size;
    }

    /// <summary>The number of dimensions.</summary>
    public int Rank => _dimensions.Length;

    /// <summary>The number of elements: the product of the dimensions.</summary>
    public int Size { get; }

    /// <summary>The dimensions, outermost first.</summary>
    public ReadOnlySpan<int> Dimensions => _dimensions;

    /// <summary>Dimension <paramref name="index"/>, outermost first.</summary>
    public int this[int index] => _dimensions[index];

    /// <inheritdoc/>
    public bool Equals(Shape? other) => other is not null && _dimensions.AsSpan().SequenceEqual(other._dimensions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var dimension in _dimensions)
        {
            hash.Add(dimension);
        }

        return hash.ToHashCode();
    }

    /// <summary>The shape as Python writes it: <c>(100, 784)</c>, <c>(10,)</c>.</summary>
    public override string ToString() => Rank == 1
        ? string.Create(CultureInfo.InvariantCulture, $"({_dimensions[0]},)")
        : $"({string.Join(", ", _dimensions)})";
}
