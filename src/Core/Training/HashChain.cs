using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace DistTrain.Core.Training;

/// <summary>
/// The proof of a run's course, 16 bytes for each version of the parameters: <c>digest_t</c> is XxHash128 over the concatenated XxHash128 of
/// consecutive blocks of 256 KiB of the parameters' bytes, and <c>h_t = XxHash128(h_{t−1} ‖ t ‖ digest_t)</c>, from h_{−1} = 0 and the initial
/// parameters, version 0. Hashes are canonical (big-endian), t has 8 bytes little-endian. Blocks let threads hash their own.
/// </summary>
public static class HashChain
{
    /// <summary>Bytes of one hash.</summary>
    public const int SizeBytes = 16;

    private const int BlockBytes = 256 * 1024;

    /// <summary>The digest of one version's parameters.</summary>
    public static UInt128 Digest(ReadOnlySpan<float> parameters)
    {
        var bytes = MemoryMarshal.AsBytes(parameters);
        var all = new XxHash128();
        Span<byte> block = stackalloc byte[SizeBytes];
        for (var start = 0; start < bytes.Length; start += BlockBytes)
        {
            XxHash128.Hash(bytes.Slice(start, Math.Min(BlockBytes, bytes.Length - start)), block);
            all.Append(block);
        }

        return all.GetCurrentHashAsUInt128();
    }

    /// <summary>The next link.</summary>
    /// <param name="previous">h of the version before; 0 for version 0.</param>
    /// <param name="version">The steps behind the parameters.</param>
    /// <param name="parameters">The parameters of that version.</param>
    public static UInt128 Next(UInt128 previous, long version, ReadOnlySpan<float> parameters)
    {
        Span<byte> link = stackalloc byte[SizeBytes + sizeof(long) + SizeBytes];
        BinaryPrimitives.WriteUInt128BigEndian(link, previous);
        BinaryPrimitives.WriteInt64LittleEndian(link[SizeBytes..], version);
        BinaryPrimitives.WriteUInt128BigEndian(link[(SizeBytes + sizeof(long))..], Digest(parameters));
        return XxHash128.HashToUInt128(link);
    }
}
