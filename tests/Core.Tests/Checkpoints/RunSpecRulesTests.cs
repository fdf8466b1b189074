using DistTrain.Core.Checkpoints;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
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
}
