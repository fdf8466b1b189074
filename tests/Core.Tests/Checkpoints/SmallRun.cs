using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

/// <summary>A run of microseconds, step by step, with 4 shards and 12 steps an epoch, the last of them short.</summary>
internal sealed unsafe class SmallRun : IDisposable
{
    public static Dataset Dataset { get; } = TestData.Dataset(seed: 3, trainCount: 58, testCount: 10, size: 6, classes: 3);

    private readonly PartialPools _pools;
    private readonly ShardComputation _computation;
    private readonly List<Partial> _partials = [];

    public SmallRun(string optimizer = "momentum", TrainingSnapshot? from = null)
        : this(Spec(optimizer), from)
    {
    }

    public SmallRun(RunSpec spec, TrainingSnapshot? from = null)
    {
        State = new TrainingState(spec, VectorKernels.Best, from);
        _pools = State.Pools;
        _computation = new ShardComputation(spec, VectorKernels.Best, threads: 1, _pools);
    }

    public TrainingState State { get; }

    public string Hash => ParametersHash.Sha256(State.Parameters.Values);

    public static RunSpec Spec(string optimizer = "momentum") =>
        TestData.Run(TestData.Model(6, [4], 3, new ReluSpec()), Dataset, optimizer, batchSize: 5, shardCount: 4, steps: 1000);

    /// <summary>The snapshot of such a run after some steps.</summary>
    public static TrainingSnapshot SnapshotAfter(int steps, string optimizer = "momentum")
    {
        using var run = new SmallRun(optimizer);
        run.Train(steps);
        return run.Snapshot();
    }

    public TrainingSnapshot Snapshot()
    {
        var snapshot = new TrainingSnapshot(State.Spec);
        State.CopyTo(snapshot);
        return snapshot;
    }

    /// <summary>Some steps, as Trainer.Run takes them, entered in a journal if there is one.</summary>
    public void Train(int steps, RunJournal? journal = null)
    {
        for (var i = 0; i < steps; i++)
        {
            var (spec, step) = (State.Spec, State.StepsDone);
            var batch = Sampler.Batch(step, spec.Dataset.TrainCount, spec.BatchSize);
            var order = Sampler.Permutation(spec.Seed, batch.Epoch, spec.Dataset.TrainCount);
            _computation.UseParameters(State.Parameters.Pointer);
            for (var half = 0; half < 2; half++)
            {
                var range = new ShardRange(half * spec.ShardCount / 2, (half + 1) * spec.ShardCount / 2);
                _computation.ComputeGradients(Dataset.Train, order, batch, spec.ShardCount, range, _partials);
                foreach (var partial in _partials)
                {
                    journal?.Count(step, partial.Node, worker: half + 1);
                    State.Add(RoundKind.Training, partial);
                }

                _partials.Clear();
            }

            Assert.Equal(EventKind.StepCommitted, State.CommitStep(step).Kind);
            journal?.StepDone(State);
        }
    }

    public void Dispose()
    {
        _computation.Dispose();
        State.Dispose();
    }

    /// <summary>Every bit of two snapshots, and their runs.</summary>
    public static void AssertEqual(TrainingSnapshot expected, TrainingSnapshot actual)
    {
        Assert.Equal(SpecJson.Write(expected.Spec), SpecJson.Write(actual.Spec));
        Assert.Equal((expected.StepsDone, expected.Chain), (actual.StepsDone, actual.Chain));
        Assert.Equal(Bits(expected.Progress), Bits(actual.Progress));
        Assert.Equal(Bits(expected.OptimizerScalars), Bits(actual.OptimizerScalars));
        Assert.Equal(ParametersHash.Sha256(expected.Parameters.Values), ParametersHash.Sha256(actual.Parameters.Values));
        Assert.Equal(expected.SlotNames, actual.SlotNames);
        Assert.Equal(
            expected.Slots.Select(slot => ParametersHash.Sha256(slot.Values)), actual.Slots.Select(slot => ParametersHash.Sha256(slot.Values)));
    }

    private static IEnumerable<long?> Bits(TrainingProgress progress) =>
    [
        progress.TotalSamples, progress.EpochSamples, progress.EvaluatedAt,
        .. new[]
        {
            progress.TotalLossSum, progress.EpochLossSum, progress.LastStepLoss, progress.LastEpochLoss, progress.LastEvaluation?.Loss, progress.LastEvaluation?.Accuracy,
        }.Select(value => value is { } number ? BitConverter.DoubleToInt64Bits(number) : (long?)null),
    ];

    private static long[] Bits(double[] values) => [.. values.Select(BitConverter.DoubleToInt64Bits)];
}
