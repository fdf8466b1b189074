using System.Buffers;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace DistTrain.Transport;

/// <summary>
/// A message that holds a chunk, as bytes: the same that the generated code writes and reads, but written straight from the tensor's memory, and read
/// straight out of the network's buffers. Both directions have the chunk as field 5.
/// </summary>
internal static class ChunkFormat
{
    private const byte MessageTag = (WorkerMessage.ChunkFieldNumber << 3) | (int)WireFormat.WireType.LengthDelimited;
    private const byte PartialTag = (Chunk.PartialFieldNumber << 3) | (int)WireFormat.WireType.Varint;
    private const byte DataTag = (Chunk.DataFieldNumber << 3) | (int)WireFormat.WireType.LengthDelimited;

    /// <summary>Three tags, two lengths and a number, each as long as it can be.</summary>
    private const int MaximumPrefixBytes = 3 + (3 * 5);

    /// <summary>Writes the message that holds a chunk and nothing else.</summary>
    public static void Write(Chunk chunk, SerializationContext context)
    {
        var length = chunk.Data.Length;
        var inner = (chunk.Partial == 0 ? 0 : 1 + CodedOutputStream.ComputeUInt32Size(chunk.Partial))
            + (length == 0 ? 0 : 1 + CodedOutputStream.ComputeLengthSize(length) + length);
        context.SetPayloadLength(1 + CodedOutputStream.ComputeLengthSize(inner) + inner);
        var writer = context.GetBufferWriter();
        var prefix = writer.GetSpan(MaximumPrefixBytes);
        var used = WriteTagged(prefix, MessageTag, (uint)inner);
        if (chunk.Partial != 0)
        {
            used += WriteTagged(prefix[used..], PartialTag, chunk.Partial);
        }

        if (length > 0)
        {
            used += WriteTagged(prefix[used..], DataTag, (uint)length);
        }

        writer.Advance(used);
        chunk.Shared?.BeginReading();
        try
        {
            writer.Write(chunk.Data.Span);
        }
        finally
        {
            chunk.Shared?.EndReading();
        }

        context.Complete();
    }

    /// <summary>Finds number and data of a message that is a chunk as <see cref="Write"/> has it.</summary>
    /// <returns>False for any other message, which is the generated code's to read.</returns>
    public static bool TryFind(in ReadOnlySequence<byte> message, out uint partial, out ReadOnlySequence<byte> data)
    {
        var reader = new SequenceReader<byte>(message);
        (partial, data) = (0, default);
        if (!TryReadTagged(ref reader, MessageTag, out var inner) || inner != reader.Remaining
            || (reader.IsNext(PartialTag) && (!TryReadTagged(ref reader, PartialTag, out partial) || partial == 0))
            || !TryReadTagged(ref reader, DataTag, out var length) || length != reader.Remaining || length > Protocol.MaximumChunkBytes)
        {
            return false;
        }

        data = reader.UnreadSequence;
        return true;
    }

    private static int WriteTagged(Span<byte> destination, byte tag, uint value)
    {
        destination[0] = tag;
        var count = 1;
        for (; value >= 0x80; value >>= 7)
        {
            destination[count++] = (byte)(value | 0x80);
        }

        destination[count++] = (byte)value;
        return count;
    }

    /// <summary>Reads a tag and the number after it, which is written in at most five bytes and fits into 32 bits.</summary>
    private static bool TryReadTagged(ref SequenceReader<byte> reader, byte tag, out uint value)
    {
        value = 0;
        if (!reader.TryRead(out var first) || first != tag)
        {
            return false;
        }

        ulong number = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            if (!reader.TryRead(out var part))
            {
                return false;
            }

            number |= (ulong)(part & 0x7F) << shift;
            if ((part & 0x80) == 0)
            {
                value = (uint)number;
                return number <= uint.MaxValue;
            }
        }

        return false;
    }
}
