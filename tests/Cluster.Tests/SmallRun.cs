using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Cluster.Tests;

/// <summary>A run small enough for tests, with an evaluation in the middle, a short last batch and a shard count that is no power of two.</summary>
internal static class SmallRun
{
    private const int Side = 28;
    private const int Classes = 10;

    public static Dataset Dataset { get; } = new("small", Images(1_030, 3), Images(620, 5));

    public static RunSpec Spec(int steps, int shards = 5, int hidden = 32) => new(
        ModelCatalog.MultiLayer("small", [hidden]),
        new DatasetSpec(Dataset.Name, Dataset.Digest, Dataset.Train.Count, Dataset.Test.Count, Side * Side, Classes),
        new OptimizerSpec("momentum", 0.05f),
        BatchSize: 100,
        shards,
        Seed: 7,
        Epochs: null,
        steps);

    public static string Hash(TrainingState state) => ParametersHash.Sha256(state.Parameters.Values);

    /// <summary>What the run must end in: the hash of the single process.</summary>
    public static string SingleProcessHash(RunSpec spec)
    {
        using var state = Trainer.Run(spec, Dataset);
        return Hash(state);
    }

    private static LabeledImages Images(int count, int factor)
    {
        var pixels = new byte[count * Side * Side];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)(i * (long)factor * 2_654_435_761 >> 24);
        }

        var labels = new byte[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = (byte)(i * factor % Classes);
        }

        return new LabeledImages(pixels, labels, Side, Side, 1, Classes);
    }
}
