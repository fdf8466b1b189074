using System.IO.Compression;

namespace DistTrain.Core.Data;

/// <summary>Files that may or may not be gzipped, told apart by their first bytes: names lie (browsers unpack and keep ".gz").</summary>
public static class PlainOrGzip
{
    // RFC 1952, section 2.3.1: ID1 and ID2.
    private const int FirstGzipByte = 0x1f;
    private const int SecondGzipByte = 0x8b;

    /// <summary>A stream over the unpacked content. It owns the source: closing it closes both.</summary>
    /// <param name="source">A seekable stream, read from its current position.</param>
    public static Stream Open(Stream source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var start = source.Position;
        var isGzip = source.ReadByte() == FirstGzipByte && source.ReadByte() == SecondGzipByte;
        source.Position = start;
        return isGzip ? new GZipStream(source, CompressionMode.Decompress) : source;
    }
}
