using System.Text.Json.Serialization;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Optimizers;

/// <summary>The course of the learning rate after the warm-up.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ScheduleKind>))]
public enum ScheduleKind
{
    /// <summary>η throughout.</summary>
    [JsonStringEnumMemberName("constant")]
    Constant,

    /// <summary>η·γᵏ, k the complete stretches of <see cref="ScheduleSpec.DecaySteps"/> steps so far: PyTorch's <c>StepLR</c>.</summary>
    [JsonStringEnumMemberName("step")]
    Step,

    /// <summary>Half a cosine wave from η down to the minimum (Loshchilov and Hutter 2017, without restarts): PyTorch's <c>CosineAnnealingLR</c>.</summary>
    [JsonStringEnumMemberName("cosine")]
    Cosine,
}

/// <summary>
/// How the learning rate follows the steps. It is a function of this specification, the step and, for a cosine without a length of its own, the
/// run's steps: it has no state, so a run that goes on from a checkpoint is at the same place of it. Computed in double.
/// </summary>
/// <param name="Kind">The course after the warm-up.</param>
/// <param name="WarmupSteps">W, at least 1: the first W updates take η/W, 2η/W, …, η (Goyal et al. 2017). Null: no warm-up.</param>
/// <param name="DecaySteps">
/// At least 1, counted from the end of the warm-up. Of step, which needs it: the steps between two falls. Of cosine: the steps to the minimum,
/// which then stays (PyTorch's would rise again); null: all that the run has left after the warm-up.
/// </param>
/// <param name="Gamma">γ of step, above 0 and at most 1; default 0.1.</param>
/// <param name="MinimumLearningRate">Where cosine ends, from 0 to η; default 0.</param>
public sealed record ScheduleSpec(
    ScheduleKind Kind,
    long? WarmupSteps = null,
    long? DecaySteps = null,
    double? Gamma = null,
    double? MinimumLearningRate = null)
{
    private const double DefaultGamma = 0.1;

    /// <summary>The names of the kinds, as JSON and the command line have them.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["constant", "step", "cosine"];

    /// <summary>Whether a run of another length has other rates from the first step on.</summary>
    internal bool FollowsTotalSteps => Kind == ScheduleKind.Cosine && DecaySteps is null;

    /// <summary>
    /// The rate of update <paramref name="step"/>. With W warm-up steps and t = step − W: below W, <c>η·((step + 1) / W)</c>; then
    /// constant: <c>η</c>; step: <c>η·γ^⌊t / DecaySteps⌋</c>, the power by squaring; cosine over T steps:
    /// <c>min + (η − min)·(1 + cos(π·min(t, T) / T)) / 2</c>.
    /// </summary>
    /// <param name="learningRate">η.</param>
    /// <param name="step">From 0.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    public double RateAt(double learningRate, long step, long totalSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var warmup = WarmupSteps ?? 0;
        if (step < warmup)
        {
            return learningRate * ((step + 1) / (double)warmup);
        }

        var decayed = step - warmup;
        switch (Kind)
        {
            case ScheduleKind.Step:
                return learningRate * Power(Gamma ?? DefaultGamma, decayed / DecaySteps!.Value);
            case ScheduleKind.Cosine:
                var length = DecaySteps ?? (totalSteps - warmup);
                var minimum = MinimumLearningRate ?? 0;
                var wave = 1 + Elementary.Cos(Math.PI * Math.Min(decayed, length) / length);
                return minimum + ((learningRate - minimum) * wave / 2);
            default:
                return learningRate;
        }
    }

    /// <summary>Checks what can be checked without the run.</summary>
    /// <param name="learningRate">η.</param>
    /// <exception cref="InvalidInputException">Something is missing, out of range, or not of this kind.</exception>
    internal void Validate(double learningRate)
    {
        Require(Enum.IsDefined(Kind), $"Unknown schedule '{Kind}'. Known schedules: {string.Join(", ", Kinds)}.");
        var name = Kinds[(int)Kind];
        Require(Kind != ScheduleKind.Constant || DecaySteps is null, $"The schedule {name} has no decay steps; step and cosine have.");
        Require(Kind == ScheduleKind.Step || Gamma is null, $"The schedule {name} has no gamma; step has.");
        Require(Kind == ScheduleKind.Cosine || MinimumLearningRate is null, $"The schedule {name} has no minimum learning rate; cosine has.");
        Require(Kind != ScheduleKind.Step || DecaySteps is not null, "The schedule step needs decay steps: after how many the learning rate falls.");
        Require(WarmupSteps is null or >= 1, $"The schedule's warm-up steps are {WarmupSteps}; they must be at least 1.");
        Require(DecaySteps is null or >= 1, $"The schedule's decay steps are {DecaySteps}; they must be at least 1.");
        Require(Gamma is null or (> 0 and <= 1), $"The schedule's gamma is {Gamma:R}; it must be above 0 and at most 1.");
        Require(
            MinimumLearningRate is null || (MinimumLearningRate >= 0 && MinimumLearningRate <= learningRate),
            $"The schedule's minimum learning rate is {MinimumLearningRate:R}; it must be from 0 to the learning rate, {learningRate:R}.");
    }

    /// <summary>Checks it against the run's length.</summary>
    /// <exception cref="InvalidInputException">A cosine over the whole run has no step left after the warm-up.</exception>
    internal void ValidateFor(long totalSteps) => Require(
        !FollowsTotalSteps || (WarmupSteps ?? 0) < totalSteps,
        $"The schedule cosine has {WarmupSteps} warm-up steps, but the run has {totalSteps} in all: nothing is left for the cosine.");

    private static double Power(double factor, long exponent)
    {
        var power = 1d;
        for (; exponent > 0; exponent >>= 1)
        {
            power = (exponent & 1) == 0 ? power : power * factor;
            factor *= factor;
        }

        return power;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidInputException(message);
        }
    }
}
