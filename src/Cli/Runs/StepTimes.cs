using System.Text.Json.Serialization;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>
/// Where the time of the run's median step went, told just before <see cref="Completed"/>. Microseconds; the parts add up to the step. docs/scaling.md
/// says what each means.
/// </summary>
/// <param name="Steps">Steps measured, after the warm-up.</param>
/// <param name="SamplesPerSecond">Over all of them. <see cref="Completed"/> leaves out less of a run of fewer than 100 steps.</param>
/// <param name="StepMicroseconds">The whole step.</param>
/// <param name="ComputeMicroseconds">Gradients.</param>
/// <param name="SerialiseMicroseconds">Messages made and verified.</param>
/// <param name="TransferMicroseconds">On the way, or waiting to be.</param>
/// <param name="WaitMicroseconds">For the worker that computes longest.</param>
/// <param name="ReduceMicroseconds">Sums of partials.</param>
/// <param name="UpdateMicroseconds">Optimizer, hash, records.</param>
public sealed record StepTimes(
    long Steps, double? SamplesPerSecond, double StepMicroseconds, double ComputeMicroseconds, double SerialiseMicroseconds, double TransferMicroseconds,
    double WaitMicroseconds, double ReduceMicroseconds, double UpdateMicroseconds) : RunEvent
{
    private const double Microseconds = 1e6;

    /// <summary>The parts with their names, in the order in which they are shown.</summary>
    [JsonIgnore]
    public IReadOnlyList<(string Name, double Microseconds)> Parts =>
    [
        ("compute", ComputeMicroseconds), ("serialise", SerialiseMicroseconds), ("transfer", TransferMicroseconds), ("wait", WaitMicroseconds),
        ("reduce", ReduceMicroseconds), ("update", UpdateMicroseconds),
    ];

    /// <summary>The event; null if no step was measured.</summary>
    public static StepTimes? Of(StepSplits splits) => splits.Median() is { } median
        ? Of(median * Microseconds, splits.Count, Finite(splits.SamplesPerSecond))
        : null;

    private static StepTimes Of(StepSplit split, long steps, double? samplesPerSecond) => new(
        steps, samplesPerSecond, split.Total, split.Compute, split.Serialise, split.Transfer, split.Wait, split.Reduce, split.Update);
}
