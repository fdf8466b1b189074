using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class RunSpecTests
{
    private static readonly RunSpec Run = new(
        ModelCatalog.Get("two-layer"),
        new DatasetSpec("mnist", "", 60_000, 10_000, 784, 10),
        new OptimizerSpec("sgd", 0.1),
        BatchSize: 97,
        ShardCount: 5,
        Seed: 7,
        Epochs: 2,
        Steps: null);

    [Fact]
    public void Steps_EpochsOrSteps_CountTheShortLastBatch()
    {
        Assert.Equal((619, 1238L, 20), (Run.StepsPerEpoch, Run.TotalSteps, Run.EvaluationShardCount));
        Assert.Equal(5, (Run with { Epochs = null, Steps = 5 }).TotalSteps);
        Assert.Equal(1L << 40, (Run with { BatchSize = 1, Dataset = Run.Dataset with { TrainCount = 1 << 20 }, Epochs = 1 << 20 }).TotalSteps);
        Assert.Equal(1, (Run with { Dataset = Run.Dataset with { TestCount = 500 } }).EvaluationShardCount);
        Assert.Equal(2, (Run with { Dataset = Run.Dataset with { TestCount = 501 } }).EvaluationShardCount);
    }

    [Theory]
    [InlineData(null, "619 1238")]
    [InlineData(0L, "1238")]
    [InlineData(500L, "500 1000 1238")]
    [InlineData(619L, "619 1238")]
    public void EvaluationIsDue_EachRule_IsDueThenAndAtTheEnd(long? every, string expected)
    {
        var run = Run with { EvaluateEvery = every };

        Assert.Equal(expected, string.Join(' ', Enumerable.Range(0, 1239).Where(steps => run.EvaluationIsDue(steps))));
    }

    /// <summary>The hash of a specification is in the names and the records of runs made before these members were there.</summary>
    [Fact]
    public void Json_NewMembersNotGiven_AreNotWritten()
    {
        var json = SpecJson.Write(Run, indented: false);

        Assert.DoesNotContain("evaluateEvery", json, StringComparison.Ordinal);
        Assert.DoesNotContain("holdout", json, StringComparison.Ordinal);
        var other = Run with { EvaluateEvery = 0, Dataset = Run.Dataset with { Holdout = new HoldoutSpec(0.1, ulong.MaxValue) } };
        Assert.Equal(other.Dataset.Holdout, SpecJson.ReadRun(SpecJson.Write(other), "test").Dataset.Holdout);
        Assert.Equal(0, SpecJson.ReadRun(SpecJson.Write(other), "test").EvaluateEvery);
    }

    [Fact]
    public void Validate_WhatCannotBe_IsRefusedWithTheValue()
    {
        Run.Validate();
        Refuses(Run with { Model = null! }, "needs model");
        Refuses(Run with { BatchSize = 0 }, "batch size is 0");
        Refuses(Run with { ShardCount = 0 }, "shard count is 0");
        Refuses(Run with { ShardCount = 4097 }, "shard count is 4097");
        Refuses(Run with { Epochs = null }, "give one of the two");
        Refuses(Run with { Steps = 1 }, "give one of the two");
        Refuses(Run with { Epochs = 0 }, "epochs is 0");
        Refuses(Run with { Epochs = null, Steps = 0 }, "steps is 0");
        Refuses(Run with { Epochs = null, Steps = 1L << 40 }, "steps is 1099511627776");
        // The same limit, reached by way of epochs.
        Refuses(Run with { BatchSize = 1, Epochs = 1 << 30 }, "steps");
        Refuses(Run with { Dataset = Run.Dataset with { TrainCount = 0 } }, "mnist is empty");
        Refuses(Run with { Dataset = Run.Dataset with { TestCount = 0 } }, "mnist is empty");
        Refuses(Run with { EvaluateEvery = -1 }, "every -1 steps");
        Refuses(Run with { Dataset = Run.Dataset with { Holdout = new HoldoutSpec(1, 1) } }, "fraction of 1");
        Refuses(Run with { NumericsRevision = 2 }, "revision 2");
        Refuses(Run with { Dataset = Run.Dataset with { SampleSize = 1024 } }, "(784,)", "1024");
        Refuses(Run with { Dataset = Run.Dataset with { ClassCount = 26 } }, "10 scores", "26 classes");
        Refuses(Run with { Optimizer = new OptimizerSpec("sgd", -1) }, "learning rate is -1");

        static void Refuses(RunSpec run, params string[] expected)
        {
            var refusal = Assert.Throws<InvalidInputException>(run.Validate);
            Assert.All(expected, part => Assert.Contains(part, refusal.Message, StringComparison.Ordinal));
        }
    }
}
