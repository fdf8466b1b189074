using System.Buffers.Binary;
using System.IO.Hashing;
using DistTrain.Core;
using DistTrain.Core.Data;
using SkiaSharp;

namespace DistTrain.Cli.Images;

/// <summary>
/// One PNG file. Its chunks, their checksums and its declared size are checked before anything is decoded, since a decoder may pass over damage.
/// Source: ISO/IEC 15948, Portable Network Graphics.
/// </summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="IsGrey">Whether it has one channel; a palette counts as colours.</param>
/// <param name="Content">The whole file.</param>
public sealed record PngFile(int Width, int Height, bool IsGrey, byte[] Content)
{
    /// <summary>The largest file.</summary>
    public const long MaximumBytes = 64 << 20;

    /// <summary>Channels of an image in colour.</summary>
    public const int ColorChannels = 3;

    private const int ChunkOverheadBytes = 12;
    private const int HeaderBytes = 13;
    private const int DecodedBytesPerPixel = 4;

    // Deflate gives at most 258 bytes for two bits.
    private const int LargestDeflateRatio = 1032;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1a, (byte)'\n'];

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidInputException">It cannot be read or is damaged; the message names it.</exception>
    public static PngFile Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaximumBytes } file)
            {
                throw Damaged(path, $"it has {file.Length} bytes, more than the accepted {MaximumBytes}");
            }

            return Check(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{path}': {e.Message}", e);
        }
    }

    /// <summary>Checks a file's content.</summary>
    /// <inheritdoc cref="Read"/>
    public static PngFile Check(byte[] content, string path)
    {
        ReadOnlySpan<byte> rest = content;
        if (!rest.StartsWith(Signature))
        {
            throw Damaged(path, "it does not begin as a PNG file does");
        }

        rest = rest[Signature.Length..];
        PngFile? header = null;
        var (rowBytes, dataBytes) = (0L, 0L);
        for (var isLast = false; !isLast;)
        {
            var at = content.Length - rest.Length;
            var chunk = TakeChunk(ref rest, at, path);
            var type = chunk[..sizeof(uint)];
            if (header is null != type.SequenceEqual("IHDR"u8))
            {
                throw Damaged(path, $"the chunk at byte {at} is out of order");
            }

            if (header is null)
            {
                (header, rowBytes) = ReadHeader(chunk[sizeof(uint)..], content, path);
            }

            dataBytes += type.SequenceEqual("IDAT"u8) ? chunk.Length : 0;
            isLast = type.SequenceEqual("IEND"u8);
        }

        return !rest.IsEmpty ? throw Damaged(path, $"it goes on after byte {content.Length - rest.Length}, where it says it ends")
            : rowBytes * header!.Height > LargestDeflateRatio * dataBytes ? throw Damaged(path, $"it declares {header.Width} x {header.Height} pixels, more than its data can hold")
            : header;
    }

    /// <summary>Decodes the pixels: 16 bits become 8, transparency is laid over black, colour profiles are not applied.</summary>
    /// <param name="pixels">Receives (1 or 3, height, width).</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="InvalidInputException">It cannot be decoded.</exception>
    public void Decode(Span<byte> pixels, string path)
    {
        using var data = SKData.CreateCopy(Content);
        using var codec = SKCodec.Create(data);
        var info = new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        if (codec is null || codec.EncodedFormat != SKEncodedImageFormat.Png || (codec.Info.Width, codec.Info.Height) != (Width, Height))
        {
            throw Damaged(path, "it cannot be decoded");
        }

        var result = codec.GetPixels(info, out var decoded);
        if (result != SKCodecResult.Success)
        {
            throw Damaged(path, $"it cannot be decoded ({result})");
        }

        var plane = Width * Height;
        for (var channel = 0; channel < (IsGrey ? 1 : ColorChannels); channel++)
        {
            for (var i = 0; i < plane; i++)
            {
                pixels[(channel * plane) + i] = decoded[(i * DecodedBytesPerPixel) + channel];
            }
        }
    }

    /// <summary>The next chunk's type and data, behind its length and before its checksum, which is compared.</summary>
    private static ReadOnlySpan<byte> TakeChunk(ref ReadOnlySpan<byte> rest, int at, string path)
    {
        var length = rest.Length < ChunkOverheadBytes ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (length > rest.Length - ChunkOverheadBytes)
        {
            throw Damaged(path, $"it ends inside the chunk at byte {at}");
        }

        var chunk = rest.Slice(sizeof(uint), sizeof(uint) + (int)length);
        rest = rest[(sizeof(uint) + chunk.Length)..];
        if (Crc32.HashToUInt32(chunk) != BinaryPrimitives.ReadUInt32BigEndian(rest))
        {
            throw Damaged(path, $"the checksum of the chunk at byte {at} is wrong");
        }

        rest = rest[sizeof(uint)..];
        return chunk;
    }

    private static (PngFile Header, long RowBytes) ReadHeader(ReadOnlySpan<byte> data, byte[] content, string path)
    {
        if (data.Length != HeaderBytes)
        {
            throw Damaged(path, "its header has another length");
        }

        var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[sizeof(uint)..]));
        var (depth, colorType) = (data[8], data[9]);
        var samplesPerPixel = colorType switch { 0 or 3 => 1, 4 => 2, 2 => 3, 6 => 4, _ => throw Damaged(path, $"its colour type is {colorType}") };
        if (width is 0 or > IdxReader.MaximumImageSide || height is 0 or > IdxReader.MaximumImageSide)
        {
            throw Damaged(path, $"it is {width} x {height}; accepted are sides of 1 to {IdxReader.MaximumImageSide}");
        }

        return (new PngFile((int)width, (int)height, colorType is 0 or 4, content), ((long)width * samplesPerPixel * depth + 7) / 8);
    }

    private static InvalidInputException Damaged(string path, string what) => new($"'{path}' is no PNG file that can be used: {what}. Replace it or take it away.");
}
