using DistTrain.Core.Data;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests;

/// <summary>Small inputs that several tests share.</summary>
internal static class TestData
{
    /// <summary>Seeded random images, one in five pixels not 0, as in digits; labels are random too.</summary>
    public static LabeledImages Images(int seed, int count, int size, int classes)
    {
        var random = new Random(seed);
        var pixels = new byte[count * size];
        foreach (ref var pixel in pixels.AsSpan())
        {
            pixel = random.Next(5) == 0 ? (byte)random.Next(1, 256) : (byte)0;
        }

        var labels = new byte[count];
        foreach (ref var label in labels.AsSpan())
        {
            label = (byte)random.Next(classes);
        }

        return new LabeledImages(pixels, labels, height: 1, width: size, channels: 1, classes);
    }

    /// <summary>A dataset of such images.</summary>
    public static Dataset Dataset(int seed, int trainCount, int testCount, int size, int classes) =>
        new("random", Images(seed, trainCount, size, classes), Images(seed + 1, testCount, size, classes));

    /// <summary>A fully connected network of any sizes.</summary>
    public static ModelSpec Model(int inputs, IReadOnlyList<int> hidden, int classes, LayerSpec activation, LossSpec? loss = null) =>
        new(
            "test",
            [inputs],
            [.. hidden.SelectMany(units => new[] { new AffineSpec(units, InitializerKind.Xavier), activation }), new AffineSpec(classes)],
            loss);

    /// <summary>A run over a dataset.</summary>
    public static RunSpec Run(
        ModelSpec model,
        Dataset dataset,
        string optimizer,
        int batchSize,
        int shardCount,
        long? steps,
        int? epochs = null,
        ulong seed = 7) =>
        new(
            model,
            DatasetSpec.Of(dataset),
            new OptimizerSpec(optimizer, OptimizerSpec.DefaultLearningRate(optimizer)),
            batchSize,
            shardCount,
            seed,
            epochs,
            steps);
}
