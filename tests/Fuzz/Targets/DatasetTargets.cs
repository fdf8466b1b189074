using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Fuzz.Targets;

/// <summary>Datasets: files that people name, and bytes that come from a coordinator.</summary>
internal static class DatasetTargets
{
    private const string Source = "input";
    private const int MostClasses = 10;

    public static FuzzTarget Idx { get; } = new(
        "idx", "IDX files of images and labels, plain or gzipped", [typeof(InvalidInputException)], TakeIdx, IdxSeeds);

    public static FuzzTarget Cifar10 { get; } = new(
        "cifar10", "CIFAR-10's binary batches", [typeof(InvalidInputException)],
        input =>
        {
            _ = Cifar10Reader.ReadStream(new MemoryStream(input), Source);
            return null;
        },
        () => [new("record", [.. Record(9)]), new("record.gz", Gzip([.. Record(1)])), new("label-too-large", [.. Record(10)]), new("empty", [])]);

    public static FuzzTarget Csv { get; } = new(
        "csv", "CSV files", [typeof(InvalidInputException)], TakeCsv, CsvSeeds,
        "label", "\"", "\"\"", "\r\n", "1e39", "NaN", "Infinity", "-0", "\uFEFF");

    public static FuzzTarget DatasetBytes { get; } = new(
        "dataset-bytes", "a dataset as a coordinator sends it and a cache keeps it", [], TakeBytes, BytesSeeds);

    /// <summary>As images, as labels, and both together.</summary>
    private static string? TakeIdx(byte[] input)
    {
        var refusals = new List<InvalidInputException>();
        foreach (var magic in (ReadOnlySpan<uint>)[IdxReader.ImagesMagic, IdxReader.LabelsMagic])
        {
            try
            {
                var file = IdxReader.ReadStream(new MemoryStream(input), Source, magic);
                BrokenPromiseException.Unless(
                    file.Data.Length == file.Dimensions.Aggregate(1L, (size, dimension) => size * dimension), "the data are not what the dimensions say");
                if (magic == IdxReader.ImagesMagic)
                {
                    var labels = new IdxFile(Source, [file.Dimensions[0]], new byte[file.Dimensions[0]], "");
                    _ = IdxReader.Combine(IdxReader.Transpose(file), labels, MostClasses);
                }
                else
                {
                    _ = IdxReader.Combine(new IdxFile(Source, [file.Dimensions[0], 1, 1], file.Data, ""), IdxReader.FromFirstLabel(file, 1), MostClasses);
                }
            }
            catch (InvalidInputException e)
            {
                refusals.Add(e);
            }
        }

        BrokenPromiseException.Unless(refusals.Count > 0, "a file was read as images and as labels");
        if (refusals.Count == 2)
        {
            throw refusals[0];
        }

        return null;
    }

    private static string? TakeCsv(byte[] input)
    {
        _ = CsvReader.Split("csv", CsvTable.Read(input, Source)).Digest;
        return null;
    }

    private static IEnumerable<Seed> IdxSeeds()
    {
        var images = Header(IdxReader.ImagesMagic, 2, 3, 3).Concat(new byte[18]).ToArray();
        var labels = Header(IdxReader.LabelsMagic, 3).Concat(new byte[] { 1, 2, 9 }).ToArray();
        yield return new Seed("images", images);
        yield return new Seed("labels", labels);
        yield return new Seed("images.gz", Gzip(images));
        yield return new Seed("labels.gz", Gzip(labels));
        yield return new Seed("images-cut-off", images[..20]);
        yield return new Seed("header-cut-off", images[..9]);
        yield return new Seed("images.gz-cut-off", Gzip(images)[..20]);
        yield return new Seed("goes-on", [.. labels, 0]);
        yield return new Seed("declares-1-GiB", Header(IdxReader.LabelsMagic, 1 << 30));
        yield return new Seed("declares-4-G", Header(IdxReader.LabelsMagic, uint.MaxValue));
        yield return new Seed("declares-2-to-the-54", Header(IdxReader.ImagesMagic, 1 << 30, 4096, 4096));
        // Four MiB of zeros in four KiB.
        yield return new Seed("bomb.gz", Gzip([.. Header(IdxReader.LabelsMagic, 1 << 30), .. new byte[4 << 20]]));
    }

    private static IEnumerable<Seed> CsvSeeds()
    {
        yield return Text("pixels", "label,a,b,c,d\n0,1,2,3,4\n1,5,6,7,255\n0,0,0,0,0\n");
        yield return Text("numbers", "a,b,label\n1.5,-2,yes\n1e-3,0.25,no\n");
        yield return Text("quoted", "\uFEFF\"a,\"\"1\"\"\",label\r\n1,\"two\nlines\"\r\n2,one\r\n");
        yield return Text("not-closed", "label,a\n0,\"1");
        yield return Text("too-large", "label,a\n0,1e39\n1,2\n");
        yield return Text("one-class", "label,a\nx,1\nx,2\n");
        yield return Text("header-only", "label,a\n");
        static Seed Text(string name, string text) => new(name, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>The first bytes are the sizes of a specification, the others the dataset, whose digest always fits: that proves nothing about the sizes in it.</summary>
    private static string? TakeBytes(byte[] input)
    {
        if (input.Length < 5)
        {
            return "no sizes";
        }

        var bytes = input.AsSpan(5);
        var spec = new DatasetSpec(
            "dataset", Convert.ToHexStringLower(SHA256.HashData(bytes)), Math.Max(1, (int)input[0]), Math.Max(1, (int)input[1]), Math.Max(1, (int)input[2]), input[3],
            Elements: (input[4] & 1) == 0 ? null : ElementKind.Binary32);
        if (Transport.DatasetBytes.Read(bytes, spec) is not { } dataset)
        {
            return "null";
        }

        BrokenPromiseException.Unless(dataset.Digest == spec.Digest, "a dataset that was read has another digest");
        return null;
    }

    private static IEnumerable<Seed> BytesSeeds()
    {
        var data = SmallRun.Data;
        byte[] whole = [8, 6, 4, 2, 0, .. Transport.DatasetBytes.Write(data).SelectMany(part => part.ToArray())];
        yield return new Seed("bytes", whole);
        yield return new Seed("cut-off", whole[..^1]);
        yield return new Seed("label-too-large", [.. whole[..^1], 200]);
        var values = LabeledImages.FromValues([1.5f, -2], [0, 1], 1, 1, 1, 2);
        yield return new Seed("binary32", [2, 2, 1, 2, 1, .. Transport.DatasetBytes.Write(new Dataset("real", values, values)).SelectMany(part => part.ToArray())]);
    }

    private static byte[] Header(uint magic, params uint[] dimensions)
    {
        var header = new byte[sizeof(uint) * (1 + dimensions.Length)];
        BinaryPrimitives.WriteUInt32BigEndian(header, magic);
        for (var i = 0; i < dimensions.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(sizeof(uint) * (1 + i)), dimensions[i]);
        }

        return header;
    }

    private static IEnumerable<byte> Record(byte label) => new byte[1 + (3 * 32 * 32)].Select((_, i) => i == 0 ? label : (byte)(i / 64));

    private static byte[] Gzip(byte[] content)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }
}
