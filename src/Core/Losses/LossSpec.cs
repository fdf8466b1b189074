using System.Numerics;
using System.Text.Json.Serialization;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;

namespace DistTrain.Core.Losses;

/// <summary>
/// The description of a loss. In JSON its name, or an object with the name as <c>type</c> and its members. To add one of your own, derive from it
/// and register it with <see cref="SpecCatalog.AddLoss{TSpec}"/>.
/// </summary>
[JsonConverter(typeof(LossSpecConverter))]
public abstract record LossSpec
{
    /// <summary>Checks its members.</summary>
    /// <exception cref="InvalidInputException">One is out of range.</exception>
    public virtual void Validate()
    {
    }

    /// <summary>The loss itself.</summary>
    /// <param name="kernels">What it computes with.</param>
    /// <param name="classes">Scores per sample.</param>
    public abstract Loss<T> Build<T>(Kernels<T> kernels, int classes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}

/// <summary><see cref="SoftmaxWithLoss{T}"/></summary>
/// <param name="LabelSmoothing">ε in [0, 1); null for none. In training only: an evaluation's loss is without it.</param>
public sealed record SoftmaxCrossEntropySpec(float? LabelSmoothing = null) : LossSpec
{
    /// <inheritdoc/>
    public override void Validate()
    {
        if (LabelSmoothing is { } value && !(value >= 0 && value < 1))
        {
            throw new InvalidInputException($"labelSmoothing is {value:R}; it must be at least 0 and below 1.");
        }
    }

    /// <inheritdoc/>
    public override Loss<T> Build<T>(Kernels<T> kernels, int classes) => new SoftmaxWithLoss<T>(kernels, classes, LabelSmoothing ?? 0);
}

/// <summary><see cref="MeanSquaredError{T}"/></summary>
public sealed record MeanSquaredErrorSpec : LossSpec
{
    /// <inheritdoc/>
    public override Loss<T> Build<T>(Kernels<T> kernels, int classes) => new MeanSquaredError<T>(kernels, classes);
}
