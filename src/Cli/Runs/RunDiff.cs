using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>One run, computed again up to the step where its record differs from the other's.</summary>
/// <param name="Checkpoint">Where it began; null for step 0.</param>
/// <param name="FromStep">The steps behind that.</param>
/// <param name="StepsRecomputed">From there.</param>
/// <param name="AgreesWithRecord">Whether it came to what the run has recorded for that step.</param>
public sealed record RecomputedRun(string? Checkpoint, long FromStep, long StepsRecomputed, bool AgreesWithRecord)
{
    /// <summary>Describes where a replay has come to.</summary>
    public static RecomputedRun Of(RecordedRun run, Replayer replayer)
    {
        var (from, version) = (replayer.FirstVersion, replayer.State.StepsDone);
        return new RecomputedRun(replayer.IsFromCheckpoint ? run.Store.PathOf(from) : null, from, version - from, run.ChainAt(version) == replayer.State.Chain);
    }
}

/// <summary>Both runs, computed again up to the step where their records differ.</summary>
/// <param name="A">The first.</param>
/// <param name="B">The second.</param>
/// <param name="Tensors">Where their parameters differ; null if their layouts do.</param>
public sealed record Recomputation(RecomputedRun A, RecomputedRun B, IReadOnlyList<TensorDifference>? Tensors);

/// <summary>The checkpoints of one step that both runs have.</summary>
/// <param name="Step">The steps behind them.</param>
/// <param name="Tensors">Where their parameters differ.</param>
public sealed record CheckpointDiff(long Step, IReadOnlyList<TensorDifference> Tensors);

/// <summary>Finds where two runs part.</summary>
/// <param name="a">The first.</param>
/// <param name="b">The second.</param>
/// <param name="threads">To compute with.</param>
/// <param name="surroundings">For data and warnings.</param>
public sealed class RunDiff(CheckedRun a, CheckedRun b, int threads, Surroundings surroundings)
{
    /// <summary>The first tensor by which the models differ; null if their layouts are equal.</summary>
    public string? Layout { get; } = TensorRules.LayoutDifference(a.Record.Spec.Model.ParameterLayout(), b.Record.Spec.Model.ParameterLayout());

    /// <summary>Computes both runs again up to a version, each from its newest valid checkpoint before it, so that its last step is computed in any case.</summary>
    /// <returns>Null, with a warning, if one of them cannot be: its data is missing, or a step came out not finite.</returns>
    public async Task<Recomputation?> RecomputeAsync(long version, CancellationToken cancellation)
    {
        try
        {
            var dataA = await a.LoadAsync(surroundings, cancellation).ConfigureAwait(false);
            var isSameData = a.Record.Spec.Dataset.Digest == b.Record.Spec.Dataset.Digest;
            var dataB = isSameData ? dataA : await b.LoadAsync(surroundings, cancellation).ConfigureAwait(false);
            using var replayA = Replay(a, dataA);
            using var replayB = Replay(b, dataB);
            return new Recomputation(
                RecomputedRun.Of(a.Record, replayA),
                RecomputedRun.Of(b.Record, replayB),
                Layout is null ? TensorRules.Differences(replayA.State.Parameters, replayB.State.Parameters) : null);
        }
        catch (Exception e) when (e is InvalidInputException or TrainingFailedException)
        {
            surroundings.Error.WriteLine($"The runs cannot be computed again: {e.Message}");
            return null;
        }

        Replayer Replay(CheckedRun run, Dataset data) => run.Replay(version, version - 1, data, threads, surroundings, cancellation);
    }

    /// <summary>Compares the first checkpoints at or after a version that both runs have, whole.</summary>
    /// <returns>Null if there are none, or if the layouts differ.</returns>
    public CheckpointDiff? CompareCheckpoints(long version)
    {
        if (Layout is not null)
        {
            return null;
        }

        foreach (var step in a.Record.Store.Steps.Intersect(b.Record.Store.Steps).Where(step => step >= version).Order())
        {
            using var first = a.Record.TryLoad(step, surroundings.Error.WriteLine);
            using var second = b.Record.TryLoad(step, surroundings.Error.WriteLine);
            if (first is not null && second is not null)
            {
                return new CheckpointDiff(step, TensorRules.Differences(first.Snapshot.Parameters, second.Snapshot.Parameters));
            }
        }

        return null;
    }
}
