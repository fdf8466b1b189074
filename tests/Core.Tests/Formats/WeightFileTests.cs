using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Formats;

public sealed class WeightFileTests
{
    private const string Plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    private static readonly ParameterLayout Layout = new([("0.weight", new Shape(2, 3)), ("0.bias", new Shape(2))]);
    private static readonly byte[] Weight = Npy(Plain, [1, 2, 3, 4, 5, 6]);
    private static readonly byte[] Bias = Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", [7, 8]);

    [Theory]
    [InlineData(Plain)]
    [InlineData("{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":False}  \n")]
    [InlineData("  { 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' }")]
    public void ReadInto_Npz_GivesItsValues(string header) =>
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], Read(Zip(("0.bias.npy", Bias), ("0.weight.npy", Npy(header, [1, 2, 3, 4, 5, 6])))).Values);

    [Fact]
    public void ReadInto_Version2AndStoredPlain_IsRead() =>
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], Read(Zip(CompressionLevel.NoCompression, ("0.weight.npy", Npy(Plain, [1, 2, 3, 4, 5, 6], version: 2)), ("0.bias.npy", Bias))).Values);

    [Fact]
    public void ReadInto_FortranOrder_IsTransposed() => Assert.Equal(
        [1, 2, 3, 4, 5, 6, 7, 8],
        Read(Zip(("0.weight.npy", Npy(Plain.Replace("False", "True", StringComparison.Ordinal), [1, 4, 2, 5, 3, 6])), ("0.bias.npy", Bias))).Values);

    [Fact]
    public void ReadInto_BatchCountOfPyTorch_IsPassedOver()
    {
        var count = Npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", [0, 0]);

        Assert.Equal(["1.num_batches_tracked"], Read(Zip(("0.weight.npy", Weight), ("0.bias.npy", Bias), ("1.num_batches_tracked.npy", count))).Report.Ignored);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", "0.weight has the shape (3, 2), but the model's is (2, 3) (transpose it)")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", "0.weight has the shape (6,), but the model's is (2, 3).")]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "0.weight has elements of type >f4")]
    [InlineData("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", "0.weight has elements of type <i4")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", "arrays of records")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", "needs 176 bytes with its header, but the zip file says 152")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }", "True or False is missing")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }", "a dimension is missing or too large")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 99999999999999999999), }", "a dimension is missing or too large")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2,3), }", "more than 16 dimensions")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, }", "it must say descr, fortran_order and shape")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "stands there twice")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 'x'}", "'more' is unknown")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3) ", "'}' is missing")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x", "text follows")]
    [InlineData("{'descr", "a text does not end")]
    [InlineData("", "'{' is missing")]
    public void ReadInto_HeaderThatDoesNotFit_NamesFileTensorAndReason(string header, string expected)
    {
        var refusal = Refuse(Zip(("0.weight.npy", Npy(header.PadRight(64), [1, 2, 3, 4, 5, 6], padTo: 118)), ("0.bias.npy", Bias)));

        Assert.Contains(expected, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadInto_MissingAndOtherTensors_AreNamedWithTheirShapes() => Assert.Equal(
        "weights: does not hold this model's tensors: missing: 0.bias (2,); not of this model: 1.bias (2,).",
        Refuse(Zip(("0.weight.npy", Weight), ("1.bias.npy", Bias))));

    [Fact]
    public void ReadInto_OtherZipFiles_AreRefused()
    {
        Assert.Contains("'readme.txt', which is no .npy file", Refuse(Zip(("readme.txt", [1]))), StringComparison.Ordinal);
        Assert.Contains("is there twice", Refuse(Zip(("0.weight.npy", Weight), ("0.weight.npy", Weight))), StringComparison.Ordinal);
        Assert.Contains("is no NumPy array", Refuse(Zip(("0.weight.npy", new byte[200]))), StringComparison.Ordinal);
        Assert.Contains("version 3.0", Refuse(Zip(("0.weight.npy", Npy(Plain, [1], version: 3)))), StringComparison.Ordinal);
        Assert.Contains("missing: 0.weight (2, 3), 0.bias (2,)", Refuse(Zip()), StringComparison.Ordinal);
    }

    /// <summary>Zeros without end behind a header that fits: none of them is unpacked.</summary>
    [Fact]
    public void ReadInto_ZipBomb_IsRefusedBeforeItIsUnpacked()
    {
        byte[] bomb;
        using (var file = new MemoryStream())
        {
            using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
            {
                using (var entry = archive.CreateEntry("0.weight.npy", CompressionLevel.Fastest).Open())
                {
                    entry.Write(Weight);
                    var zeros = new byte[1 << 20];
                    for (var i = 0; i < 64; i++)
                    {
                        entry.Write(zeros);
                    }
                }

                using var bias = archive.CreateEntry("0.bias.npy").Open();
                bias.Write(Bias);
            }

            bomb = file.ToArray();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("the zip file says", Refuse(bomb), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void ReadInto_HeaderThatPromisesGigabytes_IsRefusedBeforeAllocating()
    {
        var header = (byte[])[0x93, .. "NUMPY"u8, 2, 0, 0xff, 0xff, 0xff, 0x7f];

        Assert.Contains("promises a header of 2147483647 bytes", Refuse(Zip(("0.weight.npy", header))), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadInto_ContentThatDoesNotFitItsChecksum_IsRefused()
    {
        var file = Zip(CompressionLevel.NoCompression, ("0.weight.npy", Weight), ("0.bias.npy", Bias));
        file[file.AsSpan().IndexOf(Weight) + Weight.Length - 1] ^= 1;

        Assert.Contains("tensor '0.weight': ", Refuse(file), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadInto_AnyPrefix_IsRefused()
    {
        foreach (var file in new[] { Zip(("0.weight.npy", Weight), ("0.bias.npy", Bias)), SafeTensorsFile() })
        {
            Assert.Equal(8, Read(file).Values[^1]);
            for (var length = 0; length < file.Length; length++)
            {
                Refuse(file[..length]);
            }
        }
    }

    [Fact]
    public void ReadInto_BytesChanged_IsReadOrRefusedButNeverFailsOtherwise()
    {
        byte[][] files = [Zip(("0.weight.npy", Weight), ("0.bias.npy", Bias)), Zip(CompressionLevel.NoCompression, ("0.weight.npy", Weight), ("0.bias.npy", Bias)), SafeTensorsFile()];
        Gen.Select(Gen.Int[0, files.Length - 1], Gen.Select(Gen.Int[0, 1 << 20], Gen.Byte).Array[1, 3]).Sample((which, changes) =>
        {
            var damaged = files[which].ToArray();
            foreach (var (place, value) in changes)
            {
                damaged[place % damaged.Length] = value;
            }

            TryRead(damaged);
        }, iter: 3000);
    }

    [Fact]
    public void ReadInto_RandomBytes_AreRefused() => Gen.Byte.Array[0, 300].Sample(bytes =>
    {
        TryRead(bytes);
        TryRead([.. "PK\u0003\u0004"u8, .. bytes]);
        // An end of a zip directory, whose numbers are random.
        TryRead([.. "PK"u8, .. bytes, .. "PK\u0005\u0006"u8, .. bytes.Take(16), .. new byte[2]]);
    });

    [Fact]
    public void ReadInto_TooLargeFor32Bits_IsRefused()
    {
        var data = new byte[16];
        BinaryPrimitives.WriteDoubleLittleEndian(data, 1e300);
        var large = Npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", MemoryMarshal.Cast<byte, float>(data).ToArray());

        Assert.Contains("tensor '0.bias': holds 1E+300, which is too large", Refuse(Zip(("0.weight.npy", Weight), ("0.bias.npy", large))), StringComparison.Ordinal);
    }

    private static (float[] Values, WeightFileReport Report) Read(byte[] file)
    {
        var values = new float[Layout.Length];
        return (values, WeightFile.ReadInto(new MemoryStream(file), "weights", Layout, values));
    }

    private static string Refuse(byte[] file)
    {
        var message = Assert.Throws<InvalidInputException>(() => Read(file)).Message;
        Assert.StartsWith("weights: ", message, StringComparison.Ordinal);
        return message;
    }

    private static void TryRead(byte[] file)
    {
        try
        {
            Read(file);
        }
        catch (InvalidInputException)
        {
            // The documented refusal; anything else fails the test.
        }
    }

    private static byte[] SafeTensorsFile()
    {
        using var stream = new MemoryStream();
        SafeTensors.Write(stream, Layout, [1, 2, 3, 4, 5, 6, 7, 8]);
        return stream.ToArray();
    }

    private static byte[] Npy(string header, float[] values, byte version = 1, int padTo = 118)
    {
        var text = Encoding.Latin1.GetBytes(header.PadRight(padTo - 1) + "\n");
        var length = new byte[version == 1 ? 2 : 4];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. MemoryMarshal.AsBytes<float>(values)];
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries) => Zip(CompressionLevel.Optimal, entries);

    private static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] entries)
    {
        using var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                using var stream = archive.CreateEntry(name, level).Open();
                stream.Write(content);
            }
        }

        return file.ToArray();
    }
}
