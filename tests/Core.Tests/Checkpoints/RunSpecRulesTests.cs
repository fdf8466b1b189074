using DistTrain.Core.Checkpoints;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class RunSpecRulesTests
{
    private static readonly RunSpec Run = SmallRun.Spec();

    public static TheoryData<string> Changes => [.. Others.Keys];

    private static readonly Dictionary<string, RunSpec> Others = new()
    {
        ["optimizer.learningRate: 0.1 in the checkpoint, 0.2 asked for"] = Run with { Optimizer = Run.Optimizer with { LearningRate = 0.2 } },
        ["optimizer.momentum: nothing in the checkpoint, 0.5 asked for"] = Run with { Optimizer = Run.Optimizer with { Momentum = 0.5 } },
        ["optimizer.weightDecay: nothing in the checkpoint, 0.5 asked for"] = Run with { Optimizer = Run.Optimizer with { WeightDecay = 0.5 } },
        ["optimizer.schedule: nothing in the checkpoint, {\"kind\":\"cosine\",\"warmupSteps\":2} asked for"] =
            Run with { Optimizer = Run.Optimizer with { Schedule = new ScheduleSpec(ScheduleKind.Cosine, WarmupSteps: 2) } },
        ["seed: 7 in the checkpoint, 18446744073709551615 asked for"] = Run with { Seed = ulong.MaxValue },
        ["batchSize: 5 in the checkpoint, 6 asked for"] = Run with { BatchSize = 6 },
        ["shardCount: 4 in the checkpoint, 8 asked for"] = Run with { ShardCount = 8 },
        ["dataset.digest: " + Run.Dataset.Digest + " in the checkpoint, abc asked for"] = Run with { Dataset = Run.Dataset with { Digest = "abc" } },
        ["model.loss: softmax-cross-entropy in the checkpoint, mean-squared-error asked for"] =
            Run with { Model = Run.Model with { Loss = new MeanSquaredErrorSpec() } },
        ["model.layers[1].type: relu in the checkpoint, sigmoid asked for"] =
            Run with { Model = Run.Model with { Layers = [Run.Model.Layers[0], new SigmoidSpec(), Run.Model.Layers[2]] } },
        ["model.layers[2]: {\"type\":\"affine\",\"units\":3,\"initializer\":\"he\"} in the checkpoint, nothing asked for"] =
            Run with { Model = Run.Model with { Layers = [.. Run.Model.Layers.Take(2)] } },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void CanContinue_OneFieldDiffers_SaysWhichAndHow(string expected)
    {
        Assert.False(RunSpecRules.CanContinue(Run, Others[expected], stepsDone: 3, out var reasons));
        Assert.Equal([expected], reasons);
        Assert.Equal([expected], RunSpecRules.Difference(Run, Others[expected]));
    }

    [Fact]
    public void Difference_EqualRuns_IsEmpty() => Assert.Empty(RunSpecRules.Difference(Run, SmallRun.Spec()));

    [Fact]
    public void Difference_TwoFields_ListsBoth() => Assert.Equal(
        ["batchSize: 5 in the checkpoint, 6 asked for", "seed: 7 in the checkpoint, 8 asked for"],
        RunSpecRules.Difference(Run, Run with { Seed = 8, BatchSize = 6 }));

    /// <summary>The run has 1,000 steps, 12 an epoch.</summary>
    [Theory]
    [InlineData(1000L, null, null)]
    [InlineData(1001L, null, null)]
    [InlineData(null, 84, null)]
    [InlineData(null, 83, "steps: 1000 in the checkpoint, 996 asked for; they may only grow")]
    [InlineData(999L, null, "steps: 1000 in the checkpoint, 999 asked for; they may only grow")]
    [InlineData(2L, null, "steps: 3 are done in the checkpoint, 2 asked for in all")]
    public void CanContinue_OtherLength_MayOnlyGrow(long? steps, int? epochs, string? expected)
    {
        Assert.Equal(expected is null, RunSpecRules.CanContinue(Run, Run with { Steps = steps, Epochs = epochs }, stepsDone: 3, out var reasons));
        Assert.Equal(expected is null ? [] : [expected], reasons);
    }

    /// <summary>Other steps are other rates from the first one on, unless the schedule's length was given.</summary>
    [Theory]
    [InlineData(ScheduleKind.Cosine, null, 1001L, false)]
    [InlineData(ScheduleKind.Cosine, null, 1000L, true)]
    [InlineData(ScheduleKind.Cosine, 900L, 1001L, true)]
    [InlineData(ScheduleKind.Step, 10L, 1001L, true)]
    [InlineData(ScheduleKind.Constant, null, 1001L, true)]
    public void CanContinue_LongerWithASchedule_OnlyIfItsRatesStay(ScheduleKind kind, long? decaySteps, long steps, bool expected)
    {
        var run = Run with { Optimizer = Run.Optimizer with { Schedule = new ScheduleSpec(kind, WarmupSteps: 3, decaySteps) } };
        var longer = run with { Steps = steps };
        Assert.Equal(expected, run.Optimizer.LearningRateAt(500, run.TotalSteps) == longer.Optimizer.LearningRateAt(500, longer.TotalSteps));
        Assert.Equal(expected, RunSpecRules.CanContinue(run, longer, stepsDone: 3, out var reasons));
        Assert.Equal(expected, RunSpecRules.AreEqualButForLength(run, longer));
        Assert.All(reasons, reason => Assert.Contains("1000 in the checkpoint, 1001 asked for, but its cosine schedule", reason, StringComparison.Ordinal));
        Assert.Equal(expected ? 0 : 1, reasons.Count);
    }

    /// <summary>What is equal is the steps, not how they are said: 1,008 are 84 epochs of 12.</summary>
    [Fact]
    public void CanContinue_CosineOfTheSameStepsSaidInEpochs_MayGoOn()
    {
        var run = Run with { Steps = 1008, Optimizer = Run.Optimizer with { Schedule = new ScheduleSpec(ScheduleKind.Cosine) } };
        Assert.True(RunSpecRules.CanContinue(run, run with { Steps = null, Epochs = 84 }, stepsDone: 3, out _));
    }
}
