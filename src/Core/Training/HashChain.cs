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

    /// <summary>The parameters of a block; the last one may have fewer.</summary>
    public const int BlockLength = 256 * 1024 / sizeof(float);

    /// <summary>How many blocks so many parameters are.</summary>
    public static int BlockCount(int length) => (int)(((long)length + BlockLength - 1) / BlockLength);

    /// <summary>Hashes one block.</summary>
    /// <param name="parameters">The block's parameters.</param>
    /// <param name="hash">Receives <see cref="SizeBytes"/>.</param>
    public static void HashBlock(ReadOnlySpan<float> parameters, Span<byte> hash) => XxHash128.Hash(MemoryMarshal.AsBytes(parameters), hash);

    /// <summary>The next link, from the parameters.</summary>
    /// <param name="previous">h of the version before; 0 for version 0.</param>
    /// <param name="version">The steps behind the parameters.</param>
    /// <param name="parameters">The parameters of that version.</param>
    public static UInt128 Next(UInt128 previous, long version, ReadOnlySpan<float> parameters)
    {
        var blocks = new byte[BlockCount(parameters.Length) * SizeBytes];
        for (var block = 0; block < BlockCount(parameters.Length); block++)
        {
            var rest = parameters[(block * BlockLength)..];
            HashBlock(rest[..Math.Min(BlockLength, rest.Length)], blocks.AsSpan(block * SizeBytes, SizeBytes));
        }

        return Next(previous, version, blocks);
    }

    /// <summary>The next link, from the hashes of the parameters' blocks.</summary>
    /// <param name="previous">h of the version before; 0 for version 0.</param>
    /// <param name="version">The steps behind the parameters.</param>
    /// <param name="blocks">What <see cref="HashBlock"/> gave for each block of that version's parameters, in order.</param>
    public static UInt128 Next(UInt128 previous, long version, ReadOnlySpan<byte> blocks)
    {
        Span<byte> link = stackalloc byte[SizeBytes + sizeof(long) + SizeBytes];
        BinaryPrimitives.WriteUInt128BigEndian(link, previous);
        BinaryPrimitives.WriteInt64LittleEndian(link[SizeBytes..], version);
        XxHash128.Hash(blocks, link[(SizeBytes + sizeof(long))..]);
        return XxHash128.HashToUInt128(link);
    }
}
