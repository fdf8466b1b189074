using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Transport;

/// <summary>The checksums of training.proto: XxHash128, canonical 16 bytes.</summary>
public static class Checksum
{
    /// <summary>Bytes of a checksum.</summary>
    public const int SizeBytes = 16;

    /// <summary>Over a tensor.</summary>
    public static ByteString Of(ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[SizeBytes];
        XxHash128.Hash(data, hash);
        return ByteString.CopyFrom(hash);
    }

    /// <summary>Over a welcome: <see cref="Welcome.Checksum"/>.</summary>
    public static ByteString Of(Welcome welcome)
    {
        var hash = new XxHash128();
        Span<byte> field = stackalloc byte[sizeof(long)];
        foreach (var value in (ReadOnlySpan<ulong>)[welcome.WorkerId, welcome.Incarnation, welcome.HeartbeatIntervalMilliseconds, welcome.DeadTimeMilliseconds])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(field, value);
            hash.Append(field);
        }

        hash.Append(Encoding.UTF8.GetBytes(welcome.RunSpecJson));
        return ByteString.CopyFrom(hash.GetCurrentHash());
    }

    /// <summary>Over what a partial says, whoever computed it for whichever lease: its sums and counts, and its gradient.</summary>
    public static UInt128 OfContent(Partial partial)
    {
        var hash = new XxHash128();
        Span<byte> fields = stackalloc byte[3 * sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(fields, partial.SampleCount);
        BinaryPrimitives.WriteInt64LittleEndian(fields[sizeof(long)..], BitConverter.DoubleToInt64Bits(partial.LossSum));
        BinaryPrimitives.WriteInt64LittleEndian(fields[(2 * sizeof(long))..], partial.CorrectCount);
        hash.Append(fields);
        hash.Append(TensorBytes.Of(partial.Gradient).Span);
        return hash.GetCurrentHashAsUInt128();
    }

    /// <summary>Over what a partial's header and end say, and its gradient: <see cref="PartialEnd.Checksum"/>.</summary>
    public static ByteString Of(PartialHeader header, PartialEnd end, ReadOnlySpan<byte> gradient)
    {
        var hash = new XxHash128();
        Span<byte> fields = stackalloc byte[8 * sizeof(long)];
        ReadOnlySpan<long> values =
        [
            (long)header.LeaseId, (long)header.Kind, (long)header.Version, header.FirstShard, header.EndShard, header.SampleCount,
            BitConverter.DoubleToInt64Bits(end.LossSum), end.CorrectCount,
        ];
        for (var i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(fields[(i * sizeof(long))..], values[i]);
        }

        hash.Append(fields);
        hash.Append(gradient);
        Span<byte> result = stackalloc byte[SizeBytes];
        hash.GetCurrentHash(result);
        return ByteString.CopyFrom(result);
    }
}
