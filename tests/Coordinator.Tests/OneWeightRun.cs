using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Coordinator.Tests;

/// <summary>A run of one step on data that nobody looks at.</summary>
internal static class OneWeightRun
{
    /// <summary>What it trains.</summary>
    /// <param name="shards">Of its step.</param>
    public static RunSpec Spec(int shards) => new(
        new ModelSpec("any", [1], [new AffineSpec(1)]),
        new DatasetSpec("any", "", TrainCount: 4, TestCount: 4, SampleSize: 1, ClassCount: 1),
        new OptimizerSpec("sgd", 0.1),
        BatchSize: 4,
        ShardCount: shards,
        Seed: 1,
        Steps: 1);
}
