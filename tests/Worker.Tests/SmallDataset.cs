using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;

namespace DistTrain.Worker.Tests;

/// <summary>Eleven images of 2 × 3.</summary>
internal static class SmallDataset
{
    public static Dataset Dataset { get; } = new("small", Images(7), Images(4));

    public static DatasetSpec Spec { get; } = new("small", Dataset.Digest, TrainCount: 7, TestCount: 4, SampleSize: 6, ClassCount: 3);

    public static byte[] Bytes { get; } = [.. DatasetBytes.Write(Dataset).SelectMany(part => part.ToArray())];

    private static LabeledImages Images(int count) => new(
        [.. Enumerable.Range(0, count * 6).Select(i => (byte)(i * 37))], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 3))], height: 2, width: 3, channels: 1, classCount: 3);
}
