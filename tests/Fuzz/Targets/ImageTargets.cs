using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using DistTrain.Cli.Images;
using DistTrain.Core;

namespace DistTrain.Fuzz.Targets;

/// <summary>PNG files: one, and a directory of them. Each input is read twice, the second time with the checksums of its chunks set right.</summary>
internal static class ImageTargets
{
    private const string Source = "input.png";
    private const int ChunkOverheadBytes = 12;
    private static readonly byte[] Signature = [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1a, (byte)'\n'];
    private static readonly string[] Kinds = ["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "iCCP", "sRGB", "eXIf", "acTL"];

    public static FuzzTarget Png { get; } = new(
        "png", "one PNG file", [typeof(InvalidInputException)],
        input =>
        {
            Decode(Seal(input));
            Decode(input);
            return null;
        },
        Seeds, Kinds);

    public static FuzzTarget PngFolder { get; } = new(
        "png-folder", "a directory of PNG files: two to train on and one to test on", [typeof(InvalidInputException)], TakeFolder, FolderSeeds, Kinds);

    private static void Decode(byte[] content)
    {
        var image = PngFile.Check(content, Source);
        image.Decode(new byte[(image.IsGrey ? 1 : PngFile.ColorChannels) * image.Width * image.Height], Source);
    }

    private static string? TakeFolder(byte[] input)
    {
        var directory = Directory.CreateTempSubdirectory("disttrain-fuzz-").FullName;
        try
        {
            var files = Sections.Split(input);
            string[] places = ["train/a/1.png", "train/b/1.png", "test/b/1.png"];
            foreach (var (place, content) in places.Zip(files))
            {
                var path = Path.Combine(directory, place);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllBytes(path, Seal(content));
            }

            _ = Cli.Images.PngFolder.Read("images", directory).Digest;
            return null;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static IEnumerable<Seed> Seeds()
    {
        yield return new Seed("grey", Image(3, 2, 8, 0, [0, 1, 2, 3, 0, 4, 5, 6]));
        yield return new Seed("grey-1-bit", Image(9, 1, 1, 0, [0, 0xAA, 0x80]));
        yield return new Seed("grey-16-bit", Image(1, 1, 16, 0, [0, 1, 2]));
        yield return new Seed("color", Image(1, 2, 8, 2, [1, 10, 20, 30, 2, 1, 1, 1]));
        yield return new Seed("alpha", Image(1, 1, 8, 6, [0, 1, 2, 3, 128]));
        yield return new Seed("grey-alpha", Image(2, 1, 8, 4, [4, 1, 2, 3, 128]));
        yield return new Seed("palette", [
            .. Signature, .. HeaderChunk(2, 1, 8, 3), .. Chunk("PLTE", [255, 0, 0, 0, 255, 0]), .. Chunk("tRNS", [255, 0]), .. Chunk("IDAT", Zlib([0, 0, 1])), .. Chunk("IEND", [])]);
        yield return new Seed("palette-missing", Image(2, 1, 8, 3, [0, 0, 1]));
        yield return new Seed("interlaced", [
            .. Signature, .. HeaderChunk(2, 2, 8, 0, interlace: 1), .. Chunk("IDAT", Zlib([0, 1, 0, 2, 0, 3, 4])), .. Chunk("IEND", [])]);
        yield return new Seed("largest", Image(4096, 1700, 8, 0, new byte[4097 * 1700]));
        yield return new Seed("declares-too-much", Image(4096, 4096, 16, 6, [0]));
        yield return new Seed("chunk-of-4-GB", [.. Signature, .. HeaderChunk(1, 1, 8, 0), 0xFF, 0xFF, 0xFF, 0xFF, .. "IDAT"u8, 0, 0, 0, 0]);
        yield return new Seed("cut-off", Image(3, 2, 8, 0, [0, 1, 2, 3, 0, 4, 5, 6])[..40]);
        yield return new Seed("signature", Signature);
    }

    private static IEnumerable<Seed> FolderSeeds()
    {
        var (grey, color) = (Image(2, 1, 8, 0, [0, 1, 2]), Image(2, 1, 8, 2, [0, 1, 2, 3, 4, 5, 6]));
        yield return new Seed("grey", Sections.Join(grey, grey, grey));
        yield return new Seed("color", Sections.Join(color, color, color));
        yield return new Seed("mixed", Sections.Join(grey, color, grey));
        yield return new Seed("no-test", Sections.Join(grey, grey));
        yield return new Seed("one-class", Sections.Join([grey]));
    }

    /// <summary>The same with right checksums, as far as there are whole chunks.</summary>
    private static byte[] Seal(byte[] content)
    {
        byte[] sealedContent = [.. content];
        var rest = sealedContent.AsSpan(Math.Min(Signature.Length, content.Length));
        while (rest.Length >= ChunkOverheadBytes && BinaryPrimitives.ReadUInt32BigEndian(rest) is var length && length <= rest.Length - ChunkOverheadBytes)
        {
            var covered = rest.Slice(sizeof(uint), sizeof(uint) + (int)length);
            rest = rest[(sizeof(uint) + covered.Length)..];
            BinaryPrimitives.WriteUInt32BigEndian(rest, Crc32.HashToUInt32(covered));
            rest = rest[sizeof(uint)..];
        }

        return sealedContent;
    }

    private static byte[] Image(int width, int height, byte depth, byte colorType, byte[] rows) =>
        [.. Signature, .. HeaderChunk(width, height, depth, colorType), .. Chunk("IDAT", Zlib(rows)), .. Chunk("IEND", [])];

    private static byte[] HeaderChunk(int width, int height, byte depth, byte colorType, byte interlace = 0)
    {
        var sizes = new byte[2 * sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(sizes, width);
        BinaryPrimitives.WriteInt32BigEndian(sizes.AsSpan(sizeof(int)), height);
        return Chunk("IHDR", [.. sizes, depth, colorType, 0, 0, interlace]);
    }

    private static byte[] Chunk(string kind, byte[] data)
    {
        var chunk = new byte[ChunkOverheadBytes + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        System.Text.Encoding.ASCII.GetBytes(kind, chunk.AsSpan(sizeof(uint)));
        data.CopyTo(chunk, 2 * sizeof(uint));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - sizeof(uint)), Crc32.HashToUInt32(chunk.AsSpan(sizeof(uint), sizeof(uint) + data.Length)));
        return chunk;
    }

    private static byte[] Zlib(byte[] content)
    {
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize))
        {
            zlib.Write(content);
        }

        return packed.ToArray();
    }
}
