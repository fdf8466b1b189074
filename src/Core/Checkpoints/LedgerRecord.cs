using System.Buffers.Binary;
using System.Numerics;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>One accepted training partial.</summary>
/// <param name="Step">The step it is of.</param>
/// <param name="Incarnation">Of the coordinator that accepted it.</param>
/// <param name="Worker">Who computed it.</param>
/// <param name="Node">The shards it sums up.</param>
public readonly record struct LedgerRecord(long Step, ulong Incarnation, int Worker, ShardRange Node)
{
    /// <summary>Bytes of one record.</summary>
    public const int SizeBytes = 32;

    private const int ChecksumAt = 28;

    /// <summary>step i64, incarnation u64, worker u32, first shard u32, end shard u32, CRC-32C of these 28 bytes; all little-endian.</summary>
    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt64LittleEndian(bytes, Step);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], Incarnation);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[16..], Worker);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[20..], Node.Start);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[24..], Node.End);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[ChecksumAt..], Checksum(bytes));
    }

    /// <returns>False if the checksum does not fit.</returns>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out LedgerRecord record)
    {
        record = new LedgerRecord(
            BinaryPrimitives.ReadInt64LittleEndian(bytes),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]),
            new ShardRange(BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[24..])));
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumAt..]) == Checksum(bytes);
    }

    /// <summary>CRC-32C (Castagnoli), as in iSCSI and ext4: reflected, inverted at both ends.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (var i = 0; i + sizeof(ulong) <= ChecksumAt; i += sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
        }

        return ~BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(bytes[(ChecksumAt - sizeof(uint))..]));
    }
}
