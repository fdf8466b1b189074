using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Fuzz;

/// <summary>The run that messages and checkpoints are of: as small as one can be that has everything, running statistics and optimizer slots too.</summary>
internal static class SmallRun
{
    public const ulong Incarnation = 7;

    public static Dataset Data { get; } = new("small", Part(8), Part(6));

    public static ModelSpec Model { get; } = new("small", [4], [new AffineSpec(3), new BatchNormalizationSpec(), new ReluSpec(), new AffineSpec(2)]);

    public static RunSpec Spec { get; } = new(
        Model, DatasetSpec.Of(Data), new OptimizerSpec("adam", 0.01), BatchSize: 8, ShardCount: 4, Seed: 7, Steps: 5);

    public static int Elements { get; } = Model.ParameterLayout().Length;

    /// <summary>The round that is being computed.</summary>
    public static Round Round { get; } = new(RoundKind.Training, 3, Spec.ShardCount);

    /// <summary>The one after it, if the test set is due.</summary>
    public static Round Evaluation { get; } = new(RoundKind.Evaluation, 3, Spec.EvaluationShardCount);

    /// <summary>A sample has two rows of two pixels.</summary>
    private static LabeledImages Part(int count) => new(
        [.. Enumerable.Range(0, count * 4).Select(i => (byte)(i * 37))], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 2))], 2, 2, 1, 2);
}
