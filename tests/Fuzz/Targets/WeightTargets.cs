using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using DistTrain.Core;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;

namespace DistTrain.Fuzz.Targets;

/// <summary>Files of weights: our own, and those made elsewhere.</summary>
internal static class WeightTargets
{
    private const string Source = "input";
    private static readonly ParameterLayout Layout = new([("0.weight", new Shape(2, 3)), ("0.bias", new Shape(2))]);

    public static FuzzTarget SafeTensors { get; } = new(
        "safetensors", "a safetensors file, as our own and as one made elsewhere", [typeof(InvalidInputException)], TakeSafeTensors, SafeTensorsSeeds,
        "0.weight", "0.bias", "num_batches_tracked", "__metadata__", "\"dtype\":", "\"F16\"", "\"BF16\"", "\"F32\"", "\"F64\"", "\"I64\"", "\"shape\":", "\"data_offsets\":", "[0,9223372036854775807]", "\\ud800",
        "1e999");

    public static FuzzTarget Npz { get; } = new(
        "npz", "NumPy's npz", [typeof(InvalidInputException)],
        input =>
        {
            _ = WeightFile.ReadInto(new MemoryStream(input), Source, Layout, new float[Layout.Length]);
            return null;
        },
        NpzSeeds,
        "PK\u0001\u0002", "PK\u0003\u0004", "PK\u0005\u0006", "PK\u0006\u0006", "PK\u0006\u0007", ".npy", "0.weight", "'descr': '<f4'", "'<f8'", "'fortran_order': True", "'shape': (2, 3)",
        "9223372036854775807");

    private static string? TakeSafeTensors(byte[] input)
    {
        var values = new float[Layout.Length];
        InvalidInputException? refusal = null;
        try
        {
            Core.Formats.SafeTensors.ReadInto(new MemoryStream(input), Source, Layout, values);
        }
        catch (InvalidInputException e)
        {
            refusal = e;
        }

        // A file that is ours is one made elsewhere too, and has the same values.
        var again = new float[Layout.Length];
        _ = WeightFile.ReadInto(new MemoryStream(input), Source, Layout, again);
        BrokenPromiseException.Unless(refusal is not null || ParametersHash.Sha256(values) == ParametersHash.Sha256(again), "two readers of one file disagree");
        return null;
    }

    private static IEnumerable<Seed> SafeTensorsSeeds()
    {
        float[] values = [1, -2, 3.5f, 0, 1e-40f, float.MaxValue, 7, 8];
        var plain = new MemoryStream();
        Core.Formats.SafeTensors.Write(plain, Layout, values);
        var described = new MemoryStream();
        Core.Formats.SafeTensors.Write(described, Layout, values, new Dictionary<string, string> { ["format"] = "pt" });
        yield return new Seed("plain", plain.ToArray());
        yield return new Seed("metadata", described.ToArray());
        yield return new Seed("half", Header("""{"0.bias":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"0.weight":{"dtype":"F16","shape":[2,3],"data_offsets":[4,16]}}""", 16));
        yield return new Seed(
            "double", Header("""{"0.weight":{"dtype":"F64","shape":[2,3],"data_offsets":[0,48]},"0.bias":{"dtype":"F64","shape":[2],"data_offsets":[48,64]},"bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[64,72]}}""", 72));
        yield return new Seed("cut-off", plain.ToArray()[..^1]);
        yield return new Seed("header-cut-off", plain.ToArray()[..30]);
        yield return new Seed("header-of-16-MiB", [0, 0, 0, 1, 0, 0, 0, 0, (byte)'{']);
        yield return new Seed("header-of-2-to-the-63", [0, 0, 0, 0, 0, 0, 0, 0x80, (byte)'{', (byte)'}']);
        yield return new Seed("shape-overflows", Header("""{"0.weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0));
        yield return new Seed("offsets-overflow", Header("""{"0.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[9223372036854775783,9223372036854775807]}}""", 0));
        yield return new Seed("no-characters", Header("""{"\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0));
        yield return new Seed("deep", Header("{\"0.bias\":" + new string('[', 100), 0));
    }

    private static byte[] Header(string json, int dataBytes)
    {
        var length = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteInt64LittleEndian(length, Encoding.UTF8.GetByteCount(json));
        return [.. length, .. Encoding.UTF8.GetBytes(json), .. new byte[dataBytes]];
    }

    private static IEnumerable<Seed> NpzSeeds()
    {
        var weight = Npy("'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ", 24);
        var bias = Npy("'descr': '<f4', 'fortran_order': False, 'shape': (2,), ", 8);
        yield return new Seed("stored", Zip(CompressionLevel.NoCompression, ("0.weight.npy", weight), ("0.bias.npy", bias)));
        yield return new Seed("deflated", Zip(CompressionLevel.SmallestSize, ("0.weight.npy", weight), ("0.bias.npy", bias)));
        yield return new Seed("fortran", Zip(
            CompressionLevel.NoCompression, ("0.weight.npy", Npy("'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), ", 48)), ("0.bias.npy", Npy("'descr': '<f2', 'fortran_order': False, 'shape': (2,)", 4, 2))));
        yield return new Seed("no-array", Zip(CompressionLevel.NoCompression, ("readme.txt", [1])));
        yield return new Seed("twice", Zip(CompressionLevel.NoCompression, ("0.bias.npy", bias), ("0.bias.npy", bias)));
        yield return new Seed("huge-shape", Zip(CompressionLevel.NoCompression, ("0.bias.npy", Npy("'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), ", 0))));
        yield return new Seed("huge-header", Zip(CompressionLevel.NoCompression, ("0.bias.npy", [0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF, 0xFF, 0xFF])));
        yield return new Seed("cut-off", Zip(CompressionLevel.NoCompression, ("0.weight.npy", weight), ("0.bias.npy", bias))[..^10]);
        yield return new Seed("magic", [.. "PK"u8, 3, 4]);
    }

    private static byte[] Npy(string header, int dataBytes, byte version = 1)
    {
        var text = Encoding.Latin1.GetBytes($"{{{header}}}\n");
        byte[] length = version == 1 ? [(byte)text.Length, 0] : [(byte)text.Length, 0, 0, 0];
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. Enumerable.Range(0, dataBytes).Select(i => (byte)i)];
    }

    private static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] files)
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                var entry = zip.CreateEntry(name, level);
                // The corpus is to be the same whenever it is made.
                entry.LastWriteTime = new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
                using var opened = entry.Open();
                opened.Write(content);
            }
        }

        return stream.ToArray();
    }
}
