using System.Buffers.Binary;
using System.IO.Hashing;
using DistTrain.Cli.Images;
using DistTrain.Core;
using SkiaSharp;

namespace DistTrain.Cli.Tests.Images;

public sealed class PngFolderTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public void Read_GreyImages_AreClassesInOrdinalOrder()
    {
        Write("train/b/2.png", Grey(2, 1, 10, 20));
        Write("train/b/1.PNG", Grey(2, 1, 30, 40));
        Write("train/B/9.png", Grey(2, 1, 50, 255));
        Write("train/a/1.png", Grey(2, 1, 0, 60));
        Write("train/a/notes.txt", "no image"u8.ToArray());
        Write("test/b/1.png", Grey(2, 1, 1, 2));
        var data = PngFolder.Read("images:x", _command.Directory);
        Assert.Equal(("images:x", 1, 1, 2, 3), (data.Name, data.Train.Channels, data.Train.Height, data.Train.Width, data.Train.ClassCount));
        Assert.Equal([50, 255, 0, 60, 30, 40, 10, 20], data.Train.Pixels);
        Assert.Equal([0, 1, 2, 2], data.Train.Labels);
        Assert.Equal([1, 2], data.Test.Pixels);
        Assert.Equal([2], data.Test.Labels);
    }

    /// <summary>Red, green and blue are planes; what is transparent shows black behind it.</summary>
    [Fact]
    public void Read_ColorImages_ArePlanesOverBlack()
    {
        Write("train/a/1.png", Color(new SKColor(1, 2, 3), new SKColor(255, 254, 253)));
        Write("train/b/1.png", Color(new SKColor(10, 20, 30, 255), new SKColor(200, 100, 50, 0)));
        Write("test/a/1.png", Color(new SKColor(4, 5, 6), new SKColor(7, 8, 9)));
        var data = PngFolder.Read("x", _command.Directory);
        Assert.Equal((3, 1, 2), (data.Train.Channels, data.Train.Height, data.Train.Width));
        Assert.Equal([1, 255, 2, 254, 3, 253, 10, 0, 20, 0, 30, 0], data.Train.Pixels);
        Assert.Equal([4, 7, 5, 8, 6, 9], data.Test.Pixels);
    }

    [Fact]
    public void Read_ImagesThatAreNotAlike_NamesBothFiles()
    {
        WriteSmall();
        Refuses(Write("train/b/2.png", Grey(1, 2, 1, 2)), "is 1 x 2 grey, but", "1.png' is 2 x 1 grey");
        Refuses(Write("train/b/2.png", Color(SKColors.Red, SKColors.Blue)), "is 2 x 1 in colour, but");
    }

    [Fact]
    public void Read_DamagedFile_IsNamed()
    {
        WriteSmall();
        var png = Grey(2, 1, 1, 2);
        Refuses(Write("test/b/2.png", "<html>"u8.ToArray()), "does not begin as a PNG file does");
        Refuses(Write("test/b/2.png", []), "does not begin as a PNG file does");
        Refuses(Write("test/b/2.png", [.. png, 0]), $"goes on after byte {png.Length}");
        Refuses(Write("test/b/2.png", Declaring(png, 4097, 1)), "4097 x 1; accepted are sides of 1 to 4096");
        Refuses(Write("test/b/2.png", Declaring(png, 4096, 4096)), "declares 4096 x 4096 pixels, more than its data can hold");
        Refuses(Write("test/b/2.png", Declaring(Grey(1, 1, 7), 2, 1)), "cannot be decoded");
    }

    [Fact]
    public void Read_TruncatedAnywhereOrAnyByteChanged_IsRefused()
    {
        var png = Grey(2, 1, 1, 2);
        for (var i = 0; i < png.Length; i++)
        {
            var length = i;
            Assert.Throws<InvalidInputException>(() => PngFile.Check(png[..length], "f"));
            byte[] changed = [.. png];
            changed[i] ^= 0x10;
            Assert.Throws<InvalidInputException>(() => PngFile.Check(changed, "f"));
        }
    }

    /// <summary>Chunks that are right and data that is not: only the documented error.</summary>
    [Fact]
    public void Decode_AnyDataBytes_ReadsOrRefusesWithTheDocumentedErrorOnly()
    {
        var random = new Random(5);
        var png = Grey(2, 1, 1, 2);
        for (var i = 0; i < 500; i++)
        {
            var data = new byte[random.Next(0, 40)];
            random.NextBytes(data);
            // A zlib header in front of half of them.
            byte[] content = i % 2 == 0 ? data : [0x78, 0x9c, .. data];
            byte[] file = [.. png[..33], .. Chunk("IDAT"u8, content), .. Chunk("IEND"u8, [])];
            try
            {
                PngFile.Check(file, "f").Decode(new byte[2], "f");
            }
            catch (InvalidInputException e)
            {
                Assert.StartsWith("'f' is no PNG file that can be used", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Read_WrongDirectories_SaysWhatIsNeeded()
    {
        Refuses(_command.Directory, "DIR/train/CLASS/*.png");
        WriteSmall();
        Directory.Delete(_command.File("test"), recursive: true);
        Refuses(_command.Directory, "DIR/test/CLASS/*.png");
        Directory.CreateDirectory(_command.File("test/c"));
        Refuses(_command.File("test/c"), "is a class that");
        Directory.Delete(_command.File("test/c"));
        Refuses(_command.File("test"), "no *.png file");
        Directory.Delete(_command.File("train/b"), recursive: true);
        Refuses(_command.File("train"), "has 1 directories");
    }

    private void Refuses(string path, params string[] expected)
    {
        var error = Assert.Throws<InvalidInputException>(() => PngFolder.Read("x", _command.Directory));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    private void WriteSmall()
    {
        Write("train/a/1.png", Grey(2, 1, 1, 2));
        Write("train/b/1.png", Grey(2, 1, 3, 4));
        Write("test/b/1.png", Grey(2, 1, 5, 6));
    }

    private string Write(string name, byte[] content)
    {
        var path = _command.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    internal static byte[] Grey(int width, int height, params byte[] pixels)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque));
        pixels.CopyTo(bitmap.GetPixelSpan());
        return Encode(bitmap);
    }

    private static byte[] Color(SKColor first, SKColor second)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.SetPixel(0, 0, first);
        bitmap.SetPixel(1, 0, second);
        return Encode(bitmap);
    }

    private static byte[] Encode(SKBitmap bitmap)
    {
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    /// <summary>The same file with another size in its header, and the checksum that goes with it.</summary>
    private static byte[] Declaring(byte[] png, int width, int height)
    {
        var header = png[16..29];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        return [.. png[..8], .. Chunk("IHDR"u8, header), .. png[33..]];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        byte[] body = [.. type, .. data];
        var (length, checksum) = (new byte[4], new byte[4]);
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(checksum, Crc32.HashToUInt32(body));
        return [.. length, .. body, .. checksum];
    }
}
