using System.Security.Cryptography;
using CsCheck;
using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class IdxReaderTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadStream_Images_GivesDimensionsDataAndHash(bool gzip)
    {
        var bytes = IdxBytes.Images(5, 3, 2);
        var file = Read(gzip ? IdxBytes.Gzip(bytes) : bytes, IdxReader.ImagesMagic);
        Assert.Equal([5, 3, 2], file.Dimensions);
        Assert.Equal(bytes[16..], file.Data);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), file.Sha256);
    }

    [Fact]
    public void ReadStream_MoreThanTheFirstBuffer_GivesAllBytes()
    {
        var bytes = IdxBytes.Images(1100, 64, 64);
        Assert.Equal(bytes[16..], Read(IdxBytes.Gzip(bytes), IdxReader.ImagesMagic).Data);
        Assert.Equal(bytes[16..], Read(bytes, IdxReader.ImagesMagic).Data);
    }

    public static TheoryData<string, uint, byte[], string> BadFiles => new()
    {
        { "empty", 0x803, [], "ends at byte 0, inside its header of 16" },
        { "half a header", 0x803, IdxBytes.Images(2, 2, 2)[..10], "ends at byte 10, inside its header of 16" },
        { "labels for images", 0x803, IdxBytes.Labels(1, 2), "0x00000801 instead of 0x00000803 (an IDX file of labels" },
        { "images for labels", 0x801, IdxBytes.Images(2, 2, 2), "0x00000803 instead of 0x00000801 (an IDX file of images" },
        { "another format", 0x801, "<html><body>"u8.ToArray(), "starts with 0x3c68746d instead of 0x00000801" },
        { "no images", 0x803, IdxBytes.File(0x803, [0, 28, 28], []), "dimension 0 (at byte 4) is 0" },
        { "no columns", 0x803, IdxBytes.File(0x803, [1, 28, 0], []), "dimension 2 (at byte 12) is 0" },
        { "huge side", 0x803, IdxBytes.File(0x803, [1, 4097, 1], []), "dimension 1 (at byte 8) is 4097, outside the accepted 1 to 4096" },
        { "negative count", 0x801, IdxBytes.File(0x801, [0xffffffff], [1]), "dimension 0 (at byte 4) is 4294967295" },
        { "huge product", 0x803, IdxBytes.File(0x803, [1 << 20, 64, 64], [1]), "declares 1048576 x 64 x 64 bytes, more than" },
        { "declares a gigabyte, has a byte", 0x803, IdxBytes.File(0x803, [1 << 18, 64, 64], [1]), "ends at byte 17 of the 1073741840" },
        { "one byte short", 0x803, IdxBytes.Images(2, 2, 2)[..^1], "ends at byte 23 of the 24 its header declares" },
        { "one byte long", 0x803, [.. IdxBytes.Images(2, 2, 2), 0], "goes on after byte 24" },
        { "gzip, one byte long", 0x803, IdxBytes.Gzip([.. IdxBytes.Images(2, 2, 2), 0]), "goes on after byte 24" },
        { "gzip bomb", 0x801, IdxBytes.Gzip([.. IdxBytes.Labels(1, 2), .. new byte[50_000_000]]), "goes on after byte 10" },
        { "gzip of nothing known", 0x801, [0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "gzip data cannot be unpacked" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void ReadStream_BadFile_SaysWhatWhereAndTheCure(string what, uint magic, byte[] bytes, string expected)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidInputException>(() => Read(bytes, magic));
        Assert.Contains(expected, error.Message);
        Assert.StartsWith("'the file' ", error.Message);
        Assert.EndsWith("--data DIR.", error.Message);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 4 << 20, $"{what}: {allocated} bytes were allocated before the file was refused");
    }

    [Fact]
    public void ReadStream_TruncatedAnywhere_IsRefused()
    {
        var plain = IdxBytes.Images(3, 4, 5);
        for (var length = 0; length < plain.Length; length++)
            Assert.Throws<InvalidInputException>(() => Read(plain[..length], IdxReader.ImagesMagic));
    }

    [Fact]
    public void ReadStream_GzipTruncatedAnywhere_IsRefusedUnlessAllDataArrived()
    {
        // The last bytes of a gzip file mark its end, its checksum and its length: cut within them, the data is whole, only unchecked.
        var plain = IdxBytes.Images(3, 4, 5);
        var packed = IdxBytes.Gzip(plain);
        var refused = 0;
        for (var length = 0; length < packed.Length; length++)
        {
            try
            {
                Assert.Equal(plain[16..], Read(packed[..length], IdxReader.ImagesMagic).Data);
            }
            catch (InvalidInputException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, packed.Length - 10, packed.Length);
    }

    [Fact]
    public void ReadStream_FlippedBytes_ReadsOrRefusesWithTheDocumentedErrorOnly()
    {
        var plain = IdxBytes.Images(3, 4, 5);
        var files = new[] { plain, IdxBytes.Gzip(plain) };
        Gen.Select(Gen.Int[0, 1], Gen.Int[0, 1_000], Gen.Byte, Gen.Int[0, 1_000], Gen.Byte).Sample((file, place, flip, place2, flip2) =>
        {
            var bytes = (byte[])files[file].Clone();
            bytes[place % bytes.Length] ^= flip;
            bytes[place2 % bytes.Length] ^= flip2;
            try
            {
                var content = Read(bytes, IdxReader.ImagesMagic);
                Assert.Equal(content.Dimensions.Aggregate(1, (product, dimension) => product * dimension), content.Data.Length);
            }
            catch (InvalidInputException)
            {
                // The documented refusal.
            }
        }, iter: 5_000);
    }

    [Fact]
    public void Combine_CountsDiffer_NamesBothFilesAndCounts()
    {
        var error = Assert.Throws<InvalidInputException>(() => IdxReader.Combine(
            Read(IdxBytes.Images(2, 2, 2), IdxReader.ImagesMagic), Read(IdxBytes.Labels(1, 2, 3), IdxReader.LabelsMagic), 10));
        Assert.Contains("holds 2 images but 'the file' holds 3 labels", error.Message);
    }

    [Fact]
    public void Combine_LabelOutsideTheClasses_NamesItsPlace()
    {
        var images = Read(IdxBytes.Images(3, 2, 2), IdxReader.ImagesMagic);
        var labels = Read(IdxBytes.Labels(9, 10, 255), IdxReader.LabelsMagic);
        var error = Assert.Throws<InvalidInputException>(() => IdxReader.Combine(images, labels, 10));
        Assert.Contains("label 1 (byte 9) is 10, not below 10 classes", error.Message);
        Assert.Equal(256, IdxReader.Combine(images, labels, 256).ClassCount);
    }

    [Fact]
    public void ReadFile_NoFile_IsTheUsersError() =>
        Assert.Contains("no-such-file", Assert.Throws<InvalidInputException>(
            () => IdxReader.ReadFile("no-such-directory/no-such-file", IdxReader.LabelsMagic)).Message);

    private static IdxFile Read(byte[] bytes, uint magic) => IdxReader.ReadStream(new MemoryStream(bytes), "the file", magic);
}
