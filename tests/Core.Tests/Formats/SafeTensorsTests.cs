using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Formats;

public sealed class SafeTensorsTests
{
    private static readonly ParameterLayout Layout = new([("0.weight", new Shape(2, 3)), ("0.bias", new Shape(2))]);

    private const string Weight = "\"0.weight\":" + """{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}""";
    private const string Bias = "\"0.bias\":" + """{"dtype":"F32","shape":[2],"data_offsets":[24,32]}""";

    [Fact]
    public void Write_TwoTensors_IsTheDocumentedByteSequence()
    {
        var values = Enumerable.Range(1, 8).Select(i => i / 3f).ToArray();
        using var stream = new MemoryStream();
        SafeTensors.Write(stream, Layout, values, new Dictionary<string, string> { ["b"] = "ü\"", ["a"] = "1" });

        var bytes = stream.ToArray();
        var headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var header = Encoding.UTF8.GetString(bytes, 8, headerBytes);
        Assert.Equal(0, headerBytes % 8);
        Assert.Equal("{\"__metadata__\":{\"a\":\"1\",\"b\":\"ü\\\"\"}," + Weight + "," + Bias + "}", header.TrimEnd(' '));
        Assert.Equal(MemoryMarshal.AsBytes<float>(values), bytes.AsSpan(8 + headerBytes));
    }

    [Fact]
    public void ReadInto_WhatWriteWrote_GivesTheSameBits() =>
        Gen.Select(Gen.Int[1, 5].List[0, 3].List[1, 6], Gen.Int).Sample((shapes, seed) =>
        {
            var layout = new ParameterLayout(shapes.Select((shape, i) => ($"layer {i}\n\"é", new Shape([.. shape]))));
            var values = new float[layout.Length];
            new Random(seed).NextBytes(MemoryMarshal.AsBytes(values.AsSpan()));
            using var stream = new MemoryStream();
            SafeTensors.Write(stream, layout, values);

            stream.Position = 0;
            var read = new float[layout.Length];
            SafeTensors.ReadInto(stream, "memory", layout, read);
            Assert.Equal(MemoryMarshal.AsBytes<float>(values), MemoryMarshal.AsBytes<float>(read));
        });

    [Fact]
    public void ReadInto_OtherOrderOfTensorsAndNoPadding_IsRead()
    {
        var file = File("""{"0.bias":{"shape":[2],"data_offsets":[0,8],"dtype":"F32"},"0.weight":{"data_offsets":[8,32],"dtype":"F32","shape":[2,3]},"__metadata__":{"format":"pt"}}""");
        var read = new float[8];
        SafeTensors.ReadInto(new MemoryStream(file), "memory", Layout, read);
        Assert.Equal([2, 3, 4, 5, 6, 7, 0, 1], read);
    }

    [Theory]
    [InlineData("{" + Weight + "}", "missing: 0.bias")]
    [InlineData("{" + Weight + "," + Bias + """, "extra":{"dtype":"F32","shape":[0],"data_offsets":[32,32]}}""", "not of this model: extra")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[1,2],"data_offsets":[24,32]}}""", "'0.bias': its shape is (1, 2), but the model has (2,)")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]}}""", "'0.bias': its shape is (3,), but")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]}}""", "'0.bias': its dtype is \"BF16\"")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":7,"shape":[2],"data_offsets":[24,28]}}""", "'0.bias': its dtype is 7")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[20,28]}}""", "overlap")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[28,36]}}""", "hole")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "overlap")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[32,24]}}""", "a begin and an end")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[24]}}""", "a begin and an end")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,33]}}""", "needs 8 bytes, but data_offsets span 9")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[-2],"data_offsets":[24,32]}}""", "'0.bias': shape must be a list")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2.5],"data_offsets":[24,32]}}""", "'0.bias': shape must be a list")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":"2","data_offsets":[24,32]}}""", "'0.bias': shape must be a list")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,99999999999999999999]}}""", "'0.bias': data_offsets must be a list")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[24,32]}}""", "too large")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[24,32]}}""", "at most 16")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2]}}""", "'0.bias': must have dtype, shape and data_offsets")]
    [InlineData("{" + Weight + """, "0.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32],"more":1}}""", "and nothing else")]
    [InlineData("{" + Weight + """, "0.bias":null}""", "'0.bias': must have")]
    [InlineData("{" + Weight + "," + Weight + "," + Bias + "}", "header is not valid")]
    [InlineData("{" + Weight + "," + Bias + """, "__metadata__":{"a":1}}""", "__metadata__ must be")]
    [InlineData("{" + Weight + "," + Bias + """, "__metadata__":"a"}""", "__metadata__ must be")]
    [InlineData("{" + Weight + "," + Bias + """, "\ud800":{}}""", "header is not valid")]
    [InlineData("{" + Weight + "," + Bias, "header is not valid")]
    [InlineData("{" + Weight + "," + Bias + "} x", "header is not valid")]
    [InlineData(" {" + Weight + "," + Bias + "}", "header is not valid")]
    [InlineData("[1]", "header is not valid")]
    public void ReadInto_HeaderThatDoesNotFit_IsRefusedNamingTheFileAndChangesNothing(string header, string expected)
    {
        var values = Enumerable.Repeat(float.NaN, Layout.Length).ToArray();
        var refusal = Assert.Throws<InvalidInputException>(() =>
            SafeTensors.ReadInto(new MemoryStream(File(header)), "model.safetensors", Layout, values));
        Assert.StartsWith("model.safetensors: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.All(values, value => Assert.True(float.IsNaN(value)));
    }

    [Fact]
    public void ReadInto_AnyPrefixOrSuffix_IsRefused()
    {
        var file = File("{" + Weight + "," + Bias + "}");
        var values = new float[Layout.Length];
        for (var length = 0; length <= file.Length + 1; length++)
        {
            var cut = length <= file.Length ? file[..length] : [.. file, 0];
            if (length == file.Length)
            {
                SafeTensors.ReadInto(new MemoryStream(cut), "memory", Layout, values);
                SafeTensors.ReadInto(new Unseekable(cut), "pipe", Layout, values);
                continue;
            }

            Assert.Throws<InvalidInputException>(() => SafeTensors.ReadInto(new MemoryStream(cut), "memory", Layout, values));
            Assert.Throws<InvalidInputException>(() => SafeTensors.ReadInto(new Unseekable(cut), "pipe", Layout, values));
        }
    }

    [Fact]
    public void ReadInto_OneByteChanged_IsReadOrRefusedButNeverFailsOtherwise()
    {
        var file = File("{" + Weight + "," + Bias + """, "__metadata__":{"format":"pt"}}""");
        Gen.Select(Gen.Int[0, file.Length - 1], Gen.Byte).Sample((place, value) =>
        {
            var damaged = file.ToArray();
            damaged[place] = value;
            try
            {
                SafeTensors.ReadInto(new MemoryStream(damaged), "memory", Layout, new float[Layout.Length]);
            }
            catch (InvalidInputException)
            {
                // The documented refusal; anything else fails the test.
            }
        });
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData((ulong)SafeTensors.MaximumHeaderBytes + 1)]
    [InlineData(1UL << 63)]
    [InlineData(ulong.MaxValue)]
    public void ReadInto_HeaderLengthOutOfBounds_IsRefusedBeforeAllocating(ulong length)
    {
        var file = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidInputException>(() => SafeTensors.ReadInto(new MemoryStream(file), "memory", Layout, new float[8]));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void ReadInto_MissingFileOrDirectory_IsRefusedNamingIt()
    {
        using var directory = new TemporaryDirectory();
        foreach (var path in new[] { Path.Combine(directory.Path, "none.safetensors"), directory.Path })
        {
            var refusal = Assert.Throws<InvalidInputException>(() => SafeTensors.ReadInto(path, Layout, new float[8]));
            Assert.StartsWith(path, refusal.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A file with that header and 0, 1, … 7 as data.</summary>
    private static byte[] File(string header)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var file = new byte[8 + text.Length + (8 * sizeof(float))];
        BinaryPrimitives.WriteUInt64LittleEndian(file, (ulong)text.Length);
        text.CopyTo(file, 8);
        for (var i = 0; i < 8; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(8 + text.Length + (i * sizeof(float))), i);
        }

        return file;
    }

    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
