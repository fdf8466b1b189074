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
    private const int HeaderValues = 5;
    private const int HeaderBytes = HeaderValues * sizeof(int);

    /// <summary>How many bytes a dataset has: 40 + (train + test count) · (sample size + 1).</summary>
    public static long Length(DatasetSpec spec) => (2 * HeaderBytes) + (((long)spec.TrainCount + spec.TestCount) * ((long)spec.SampleSize + 1));

    /// <summary>The bytes, in order, without a copy of the images.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Write(Dataset dataset)
    {
        ReadOnlyMemory<byte>[] Part(LabeledImages part) => [Header(part), part.Pixels, part.Labels];
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

    private static byte[] Header(LabeledImages part)
    {
        var header = new byte[HeaderBytes];
        ReadOnlySpan<int> values = [part.Count, part.Channels, part.Height, part.Width, part.ClassCount];
        for (var i = 0; i < HeaderValues; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(i * sizeof(int)), values[i]);
        }

        return header;
    }

    private static LabeledImages? ReadPart(ref ReadOnlySpan<byte> bytes, int count, DatasetSpec spec)
    {
        Span<int> values = stackalloc int[HeaderValues];
        for (var i = 0; i < HeaderValues; i++)
        {
            values[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(i * sizeof(int))..]);
        }

        var (channels, height, width, classCount) = (values[1], values[2], values[3], values[4]);
        if (values[0] != count || classCount != spec.ClassCount || classCount is < 1 or > 256
            || channels < 1 || height < 1 || width < 1 || (Int128)channels * height * width != spec.SampleSize)
        {
            return null;
        }

        var pixelBytes = count * spec.SampleSize;
        var pixels = bytes.Slice(HeaderBytes, pixelBytes).ToArray();
        var labels = bytes.Slice(HeaderBytes + pixelBytes, count).ToArray();
        bytes = bytes[(HeaderBytes + pixelBytes + count)..];
        return labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(classCount - 1)) >= 0
            ? null
            : new LabeledImages(pixels, labels, height, width, channels, classCount);
    }
}
