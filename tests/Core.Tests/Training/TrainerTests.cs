using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class TrainerTests
{
    private static readonly Dataset Digits = SyntheticDigits.Create(trainCount: 500, testCount: 100);

    private static readonly Dictionary<string, RunSpec> Runs = new()
    {
        ["two-layer"] = TestData.Run(ModelCatalog.Get("two-layer"), Digits, "sgd", batchSize: 100, shardCount: 8, steps: 20),
        ["sigmoid, xavier, adam, odd sizes"] = TestData.Run(
            ModelCatalog.MultiLayer("multi-layer", [33, 17], new SigmoidSpec(), InitializerKind.Xavier),
            Digits, "adam", batchSize: 97, shardCount: 5, steps: 20),
        // Its update is per tensor, and the slices that threads update are not.
        ["lamb, clipping"] = Clipped(TestData.Run(ModelCatalog.MultiLayer("m", [100, 30]), Digits, "lamb", batchSize: 50, shardCount: 8, steps: 20)),
        ["more shards than samples"] = TestData.Run(ModelCatalog.MultiLayer("small", [9]), Digits, "momentum", batchSize: 3, shardCount: 8, steps: 20),
    };

    private static RunSpec Clipped(RunSpec run) => run with { Optimizer = run.Optimizer with { ClipNorm = 0.5 } };

    public static TheoryData<string> RunNames => [.. Runs.Keys];

    [Theory]
    [MemberData(nameof(RunNames))]
    public void Run_AnyThreadsAndKernels_EndsInTheSameBits(string name)
    {
        var expected = HashOf(Runs[name], threads: 1, new ReferenceKernels<float>());
        foreach (var kernels in VectorKernels.All)
        {
            for (var threads = 1; threads <= 3; threads++)
            {
                Assert.Equal((expected, threads, kernels.VectorBits), (HashOf(Runs[name], threads, kernels), threads, kernels.VectorBits));
            }
        }
    }

    [Theory]
    [MemberData(nameof(RunNames))]
    public void Run_WorkersComeGoAndStallAnyhow_EndsInTheSameBits(string name)
    {
        var spec = Runs[name];
        var expected = HashOf(spec, threads: 1, VectorKernels.Best);
        var (lost, dropped) = (0, 0);
        for (var seed = 0; seed < 5; seed++)
        {
            using var cluster = new SimulatedCluster(spec, Digits, seed);
            Assert.Equal(expected, cluster.Run());
            lost += cluster.WorkersLost;
            dropped += cluster.AnswersDropped;
        }

        Assert.True(lost > 10 && dropped > 10, $"Too little went wrong to show anything: {lost} workers lost, {dropped} answers dropped.");
    }

    /// <summary>What the specification says changes bits, does.</summary>
    [Fact]
    public void Run_OtherSeedShardsBatchOrSteps_EndsInOtherBits()
    {
        var spec = Runs["two-layer"];
        RunSpec[] specs = [spec, spec with { Seed = 8 }, spec with { ShardCount = 7 }, spec with { BatchSize = 99 }, spec with { Steps = 19 }];
        Assert.Distinct(specs.Select(other => HashOf(other, threads: 1, VectorKernels.Best)));
    }

    [Fact]
    public void Run_ThreeHundredStepsOfDigits_LearnsAndEvaluatesAsTheEvaluatorDoes()
    {
        var digits = SyntheticDigits.Create(trainCount: 3000, testCount: 600);
        var spec = TestData.Run(ModelCatalog.Get("two-layer"), digits, "momentum", batchSize: 100, shardCount: 8, steps: 300);
        using var state = Trainer.Run(spec, digits, threads: 2, cancellation: TestContext.Current.CancellationToken);
        Assert.InRange(state.LastEvaluation!.Value.Accuracy, 0.85, 1);
        Assert.InRange(state.TrainLoss, 0, 0.3);
        Assert.Equal(state.LastEvaluation, Evaluator.Run(spec.Model, state.Parameters, digits.Test, spec.EvaluationShardCount));
    }

    [Fact]
    public void Run_TwoEpochsWithAShortLastBatch_ReportsEveryStepAndEvaluation()
    {
        var seen = new Observer();
        var spec = TestData.Run(ModelCatalog.MultiLayer("small", [9]), Digits, "sgd", batchSize: 200, shardCount: 8, steps: null, epochs: 2);
        using var state = Trainer.Run(spec, Digits, observer: seen, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(["1", "2", "3", "evaluate 3", "evaluated 3", "4", "5", "6", "evaluate 6", "evaluated 6"], seen.Calls);
    }

    [Fact]
    public void Run_GradientThatOverflows_FailsWithTheStepAndACure()
    {
        var spec = Runs["two-layer"];
        var failure = Assert.Throws<TrainingFailedException>(() =>
            Trainer.Run(spec with { Optimizer = spec.Optimizer with { LearningRate = 1e30 } }, Digits, cancellation: TestContext.Current.CancellationToken).Dispose());
        Assert.Matches("^Step [1-9]: the loss or the gradient is not finite.*smaller learning rate", failure.Message);
    }

    /// <summary>The last step's loss and gradient are finite, its update is not: nothing after it would notice.</summary>
    [Fact]
    public void Run_LastUpdateThatOverflows_FailsWithTheStepAndACure()
    {
        var large = new AffineSpec(10, InitializerKind.Gaussian, StandardDeviation: 1000);
        var spec = TestData.Run(new ModelSpec("large", [784], [large, new ReluSpec(), large]), Digits, "sgd", batchSize: 100, shardCount: 8, steps: 1);
        var failure = Assert.Throws<TrainingFailedException>(() =>
            Trainer.Run(spec with { Optimizer = spec.Optimizer with { LearningRate = 1e37 } }, Digits, cancellation: TestContext.Current.CancellationToken).Dispose());
        Assert.Matches("^Step 0: after its update a parameter is not finite.*smaller learning rate", failure.Message);
    }

    [Fact]
    public void Run_OtherDataset_IsRefused() =>
        Assert.Throws<InvalidInputException>(() => Trainer.Run(
            Runs["two-layer"], SyntheticDigits.Create(trainCount: 500, testCount: 101), cancellation: TestContext.Current.CancellationToken).Dispose());

    [Fact]
    public void Run_Cancelled_EndsBetweenSteps()
    {
        using var cancellation = new CancellationTokenSource();
        var observer = new Observer { OnStep = step => Cancel(step == 3) };
        Assert.Throws<OperationCanceledException>(() =>
            Trainer.Run(Runs["two-layer"], Digits, observer: observer, cancellation: cancellation.Token).Dispose());
        Assert.Equal(["1", "2", "3"], observer.Calls);

        void Cancel(bool now)
        {
            if (now)
            {
                cancellation.Cancel();
            }
        }
    }

    private static string HashOf(RunSpec spec, int threads, Kernels<float> kernels)
    {
        using var state = Trainer.Run(spec, Digits, threads, kernels: kernels);
        return ParametersHash.Sha256(state.Parameters.Values);
    }

    private sealed class Observer : ITrainingObserver
    {
        public List<string> Calls { get; } = [];

        public Action<long> OnStep { get; init; } = _ => { };

        public void StepDone(long stepsDone, TrainingState state)
        {
            Calls.Add($"{stepsDone}");
            OnStep(stepsDone);
        }

        public void EvaluationStarted(long stepsDone) => Calls.Add($"evaluate {stepsDone}");

        public void EvaluationDone(long stepsDone, TrainingState state) => Calls.Add($"evaluated {stepsDone}");
    }
}
