using System.Buffers.Binary;
using System.IO.Compression;

namespace DistTrain.Core.Tests.Data;

/// <summary>Makes IDX files, right and wrong ones.</summary>
internal static class IdxBytes
{
    /// <summary>A file with this magic number, these declared dimensions and this content, whether they agree or not.</summary>
    public static byte[] File(uint magic, uint[] dimensions, byte[] content)
    {
        var bytes = new byte[sizeof(uint) * (1 + dimensions.Length) + content.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, magic);
        for (var i = 0; i < dimensions.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4 + 4 * i), dimensions[i]);
        content.CopyTo(bytes, bytes.Length - content.Length);
        return bytes;
    }

    /// <summary>Images whose pixels count up from 0.</summary>
    public static byte[] Images(int count, int height, int width) =>
        File(0x803, [(uint)count, (uint)height, (uint)width], [.. Enumerable.Range(0, count * height * width).Select(i => (byte)i)]);

    /// <summary>Labels.</summary>
    public static byte[] Labels(params byte[] labels) => File(0x801, [(uint)labels.Length], labels);

    /// <summary>The same bytes, gzipped.</summary>
    public static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }
}
