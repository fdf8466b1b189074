using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary><see cref="Affine{T}"/></summary>
/// <param name="Units">The number of outputs, at least 1.</param>
/// <param name="Initializer">How the weight starts (default <c>he</c>); the bias starts at 0.</param>
/// <param name="StandardDeviation">For <see cref="InitializerKind.Gaussian"/> only; default 0.01, as in the book's chapter 4.</param>
/// <param name="Weight">The initial weight itself, (units, in) row by row, instead of an initializer; null for none.</param>
/// <param name="Bias">The initial bias itself, (units,); null for zeros.</param>
public sealed record AffineSpec(
    int Units,
    InitializerKind Initializer = InitializerKind.He,
    float? StandardDeviation = null,
    IReadOnlyList<float>? Weight = null,
    IReadOnlyList<float>? Bias = null) : LayerSpec
{
    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) =>
        [("weight", new Shape(Units, input.Size)), ("bias", new Shape(Units))];

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (Units < 1)
        {
            throw new InvalidInputException($"units is {Units}; an affine layer needs at least 1.");
        }

        WeightRules.Validate(Initializer, StandardDeviation);
        if ((long)Units * input.Size > int.MaxValue)
        {
            throw new InvalidInputException($"a weight of ({Units}, {input.Size}) has more than {int.MaxValue} elements.");
        }

        RequireLength("weight", Weight, Units * input.Size, $"({Units}, {input.Size})");
        RequireLength("bias", Bias, Units, $"({Units},)");
        return new Shape(Units);
    }

    /// <inheritdoc/>
    public override void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer)
    {
        if ((name == "bias" ? Bias : Weight) is { } given)
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = given[i];
            }
        }
        else if (name == "bias")
        {
            values.Clear();
        }
        else
        {
            WeightRules.Fill(values, Initializer, StandardDeviation, input.Size, Units, seed, layer);
        }
    }

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input) => (long)Units * input.Size;

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Affine<T>(kernels, input.Size, Units, place.ParameterOffsets[0], place.ParameterOffsets[1]);

    /// <summary>Two specs are equal if they say the same, lists by their elements.</summary>
    public bool Equals(AffineSpec? other) =>
        other is not null
        && (Units, Initializer, StandardDeviation) == (other.Units, other.Initializer, other.StandardDeviation)
        && (Weight ?? []).SequenceEqual(other.Weight ?? [])
        && (Bias ?? []).SequenceEqual(other.Bias ?? []);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Units, Initializer, StandardDeviation, Weight?.Count, Bias?.Count);

    private static void RequireLength(string name, IReadOnlyList<float>? values, int length, string shape)
    {
        if (values is not null && (values.Count != length || values.Any(value => !float.IsFinite(value))))
        {
            throw new InvalidInputException($"{name} has {values.Count} values; a {name} of {shape} needs {length} finite ones.");
        }
    }
}
