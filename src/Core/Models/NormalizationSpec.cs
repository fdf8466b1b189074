using System.Globalization;
using System.Numerics;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Models;

/// <summary>
/// What is done to every element before the first layer, in training and in evaluation: <c>x ← (x − mean) / standard deviation</c>, one
/// subtraction and one division. It belongs to the model, so that a model file says all that its parameters need.
/// </summary>
/// <param name="Mean">One for each channel, or one for all; finite.</param>
/// <param name="StandardDeviation">As many; finite and above 0.</param>
public sealed record NormalizationSpec(IReadOnlyList<float> Mean, IReadOnlyList<float> StandardDeviation)
{
    /// <summary>Reads <c>MEAN:STD</c>, or <c>MEAN,MEAN,MEAN:STD,STD,STD</c> with one number for each channel.</summary>
    /// <exception cref="FormatException">The text is no such thing; the message says what is expected.</exception>
    public static NormalizationSpec Parse(string text)
    {
        var parts = text.Split(':');
        return parts.Length == 2 && Read(parts[0]) is { } mean && Read(parts[1]) is { } deviation && mean.Length == deviation.Length
            && deviation.All(value => value > 0)
            ? new NormalizationSpec(mean, deviation)
            : throw new FormatException("MEAN:STD, or MEAN,MEAN,MEAN:STD,STD,STD with one number for each channel, every STD above 0; for example 0.1307:0.3081.");

        static float[]? Read(string list)
        {
            var values = list.Split(',', StringSplitOptions.TrimEntries)
                .Select(value => float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : float.NaN)
                .ToArray();
            return values.All(float.IsFinite) ? values : null;
        }
    }

    /// <summary>Checks it against the model's input, whose first dimension is its channels.</summary>
    /// <exception cref="InvalidInputException">A number is missing, or none that can be used.</exception>
    public void Validate(IReadOnlyList<int> input)
    {
        if (Mean is null || StandardDeviation is null || Mean.Count != StandardDeviation.Count || (Mean.Count != 1 && Mean.Count != input[0]))
        {
            throw new InvalidInputException(
                $"normalization has {Mean?.Count ?? 0} means and {StandardDeviation?.Count ?? 0} standard deviations; "
                + $"an input of ({string.Join(", ", input)}) needs one of each, or one for each of its {input[0]} channels.");
        }

        for (var i = 0; i < Mean.Count; i++)
        {
            if (!float.IsFinite(Mean[i]) || !(StandardDeviation[i] is > 0 and < float.PositiveInfinity))
            {
                throw new InvalidInputException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"normalization {i} is mean {Mean[i]} and standard deviation {StandardDeviation[i]}; both must be finite and the latter above 0."));
            }
        }
    }
}

/// <summary><c>(x − mean) / deviation</c></summary>
/// <param name="mean">Subtracted.</param>
/// <param name="deviation">Divided by.</param>
public readonly struct NormalizeOperator(float mean, float deviation) : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        (x - TLanes.Create(T.CreateTruncating(mean))) / TLanes.Create(T.CreateTruncating(deviation));
}
