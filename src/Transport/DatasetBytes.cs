using System.Buffers.Binary;
using System.Security.Cryptography;
using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;

namespace DistTrain.Transport;

/// <summary>
/// A dataset as bytes, on the wire and in a worker's cache: exactly those that its digest covers (<see cref="Dataset.Digest"/>), so that the
/// SHA-256 of the bytes proves them.
/// </summary>
public static class DatasetBytes
{
    private const int SizeValues = 5;

    /// <summary>
    /// How many bytes a dataset has: 40 + (train + test count) · (sample size + 1); of binary32 elements 48 + (train + test count) · (4 · sample
    /// size + 1). At most <see cref="long.MaxValue"/>, which no array can hold.
    /// </summary>
    public static long Length(DatasetSpec spec) => (long)Int128.Min(
        long.MaxValue,
        (2 * HeaderBytes(spec)) + (((Int128)spec.TrainCount + spec.TestCount) * (((long)spec.SampleSize * spec.ElementBytes()) + 1)));

    /// <summary>The bytes, in order, without a copy of the images.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Write(Dataset dataset)
    {
        ReadOnlyMemory<byte>[] Part(LabeledImages part) => [Dataset.Header(part), part.Elements, part.Labels];
        return Part(dataset.Train).Concat(Part(dataset.Test));
    }

    /// <summary>The bytes as chunks, in order.</summary>
    public static IEnumerable<Chunk> Chunked(Dataset dataset) => Write(dataset).SelectMany(Chunks.Of);

    /// <summary>The dataset of a run, if the bytes are exactly it.</summary>
    /// <param name="bytes">What came over the wire or out of a file.</param>
    /// <param name="spec">What it must be.</param>
    /// <returns>null if the length, the digest or the sizes differ.</returns>
    public static Dataset? Read(ReadOnlySpan<byte> bytes, DatasetSpec spec)
    {
        if (bytes.Length != Length(spec) || Convert.ToHexStringLower(SHA256.HashData(bytes)) != spec.Digest)
        {
            return null;
        }

        // The digest fits, so whoever made it made the sizes too; they are compared all the same, since the spec is another message.
        var train = ReadPart(ref bytes, spec.TrainCount, spec);
        var test = train is null ? null : ReadPart(ref bytes, spec.TestCount, spec);
        return test is null ? null : new Dataset(spec.Name, train!, test);
    }

    /// <summary>The length of <see cref="Dataset.Header"/>.</summary>
    private static int HeaderBytes(DatasetSpec spec) => (SizeValues + (IsBinary32(spec) ? 1 : 0)) * sizeof(int);

    private static bool IsBinary32(DatasetSpec spec) => spec.Elements == ElementKind.Binary32;

    private static LabeledImages? ReadPart(ref ReadOnlySpan<byte> bytes, int count, DatasetSpec spec)
    {
        var mark = IsBinary32(spec) ? BinaryPrimitives.ReadInt32LittleEndian(bytes) : 0;
        var sizes = bytes[(HeaderBytes(spec) - (SizeValues * sizeof(int)))..];
        Span<int> values = stackalloc int[SizeValues];
        for (var i = 0; i < SizeValues; i++)
        {
            values[i] = BinaryPrimitives.ReadInt32LittleEndian(sizes[(i * sizeof(int))..]);
        }

        var (channels, height, width, classCount) = (values[1], values[2], values[3], values[4]);
        if (values[0] != count || classCount != spec.ClassCount || classCount is < 1 or > 256 || (IsBinary32(spec) && mark != Dataset.Binary32Mark)
            || channels < 1 || height < 1 || width < 1 || (Int128)channels * height * width != spec.SampleSize)
        {
            return null;
        }

        bytes = sizes[(SizeValues * sizeof(int))..];
        var elementBytes = count * spec.SampleSize * spec.ElementBytes();
        var elements = bytes[..elementBytes].ToArray();
        var labels = bytes.Slice(elementBytes, count).ToArray();
        bytes = bytes[(elementBytes + count)..];
        return labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(classCount - 1)) >= 0
            ? null
            : new LabeledImages(elements, spec.Elements ?? ElementKind.Byte, labels, height, width, channels, classCount);
    }
}
