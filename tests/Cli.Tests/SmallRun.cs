using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Tests;

/// <summary>A run of three steps, for tests of what is around it.</summary>
internal static class SmallRun
{
    /// <summary>Its data.</summary>
    public static Dataset Digits { get; } = SyntheticDigits.Create(trainCount: 120, testCount: 40);

    /// <summary>What it trains.</summary>
    public static RunSpec Spec { get; } = new(
        ModelCatalog.MultiLayer("small", [4]),
        DatasetSpec.Of(Digits),
        new OptimizerSpec("sgd", 0.1f),
        BatchSize: 10,
        ShardCount: 2,
        Seed: 1,
        Epochs: null,
        Steps: 3);
}
