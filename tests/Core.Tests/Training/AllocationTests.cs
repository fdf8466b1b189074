using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Tests.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>Tests that count what the whole process allocates: they run while no other test does.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AllocationCollection;

/// <summary>
/// A step allocates nothing once everything has been seen: no thread of it, no recorder, not at the end of an epoch with its permutation, its
/// shorter batch and its evaluation.
/// </summary>
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int BatchSize = 16;
    private const int ShardCount = 4;

    /// <summary>The first epochs of a run: its buffers grow, also the journal's.</summary>
    private const int WarmUpSteps = 63;
    private const int CheckedSteps = 210;

    /// <summary>Code that is compiled only quickly as yet may box what it does not box later, and nobody can say when that is.</summary>
    private const int MostRuns = 20;

    /// <summary>21 steps an epoch, the last of them of 12 samples.</summary>
    private static readonly Dataset Digits = SyntheticDigits.Create(trainCount: 332, testCount: 20);

    private static readonly Dictionary<string, ModelSpec> Models = new()
    {
        ["two-layer"] = ModelCatalog.Get("two-layer"),
        ["simple-convnet"] = ModelCatalog.Get("simple-convnet"),
        ["lenet-5"] = ModelCatalog.Get("lenet-5"),
        ["inception-small"] = ModelCatalog.Get("inception-small"),
        ["batch norm and dropout"] = ModelCatalog.MultiLayer("m", [30, 20], batchNormalization: true, dropout: 0.2f),
        ["deep-convnet"] = ModelCatalog.Get("deep-convnet"),
    };

    public static TheoryData<string, string, int> Runs
    {
        get
        {
            var runs = new TheoryData<string, string, int>();
            foreach (var threads in (ReadOnlySpan<int>)[1, 2, 3])
            {
                runs.Add("two-layer", "sgd", threads);
                runs.Add("two-layer", "momentum", threads);
                runs.Add("two-layer", "adam", threads);
                runs.Add("two-layer", "lamb", threads);
                runs.Add("batch norm and dropout", "momentum", threads);
                runs.Add("lenet-5", "momentum", threads);
            }

            runs.Add("simple-convnet", "sgd", 2);
            runs.Add("inception-small", "momentum", 2);
            runs.Add("deep-convnet", "adam", 2);
            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Run_AfterWarmUp_AllocatesNothing(string model, string optimizer, int threads) =>
        AssertAllocatesNothing(Models[model], optimizer, threads);

    /// <summary>With chain and ledger too. Their buffers double until the first flush, which happens once in thousands of steps: here, each epoch.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_WithAJournal_AllocatesNothing(int threads) =>
        AssertAllocatesNothing(Models["two-layer"], "momentum", threads, () => RunJournal.Open(
            new SimulatedDisk(), "/runs/a", new RunHolder("alpha", 17, DateTimeOffset.UnixEpoch), new JournalOptions(), Assert.Fail));

    private static void AssertAllocatesNothing(ModelSpec model, string optimizer, int threads, Func<RunJournal>? open = null)
    {
        var spec = TestData.Run(model, Digits, optimizer, BatchSize, ShardCount, steps: WarmUpSteps + CheckedSteps);
        List<(long, long)> allocations = [];
        for (var run = 0; run == 0 || (run < MostRuns && allocations.Count > 0); run++)
        {
            using var journal = open?.Invoke();
            var meter = new AllocationMeter(journal, spec.TotalSteps);
            Trainer.Run(
                spec, Digits, threads, meter, options: new TrainerOptions { Recorder = journal }, cancellation: TestContext.Current.CancellationToken)
                .Dispose();
            allocations = meter.StepsThatAllocated();
        }

        Assert.Equal([], allocations);
    }

    /// <summary>What all threads of this process allocate from the end of one step to that of the next, what is due in between included.</summary>
    private sealed class AllocationMeter(RunJournal? journal, long steps) : ITrainingObserver
    {
        private readonly long[] _bytes = new long[steps];
        private long _before;

        public void StepDone(long stepsDone, TrainingState state)
        {
            _bytes[stepsDone - 1] = GC.GetTotalAllocatedBytes(precise: true) - _before;
            if (stepsDone % state.Spec.StepsPerEpoch == 0)
            {
                journal?.Flush();
            }

            _before = GC.GetTotalAllocatedBytes(precise: true);
        }

        public void EvaluationStarted(long stepsDone)
        {
        }

        public void EvaluationDone(long stepsDone, TrainingState state)
        {
        }

        public List<(long Step, long Bytes)> StepsThatAllocated() =>
            [.. from step in Enumerable.Range(WarmUpSteps, CheckedSteps) where _bytes[step] != 0 select ((long)step, _bytes[step])];
    }
}
