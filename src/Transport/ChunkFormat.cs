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
    private const byte DataTag = (Chunk.DataFieldNumber << 3) | (int)WireFormat.WireType.LengthDelimited;

    /// <summary>The tags and the longest two lengths.</summary>
    private const int MaximumPrefixBytes = 12;

    /// <summary>Writes the message that holds a chunk and nothing else.</summary>
    public static void Write(Chunk chunk, SerializationContext context)
    {
        var length = chunk.Data.Length;
        var inner = length == 0 ? 0 : 1 + CodedOutputStream.ComputeLengthSize(length) + length;
        context.SetPayloadLength(1 + CodedOutputStream.ComputeLengthSize(inner) + inner);
        var writer = context.GetBufferWriter();
        var prefix = writer.GetSpan(MaximumPrefixBytes);
        prefix[0] = MessageTag;
        var used = 1 + WriteLength(prefix[1..], inner);
        if (length > 0)
        {
            prefix[used++] = DataTag;
            used += WriteLength(prefix[used..], length);
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

    /// <summary>Finds the data of a message that is a chunk as <see cref="Write"/> has it.</summary>
    /// <returns>False for any other message, which is the generated code's to read.</returns>
    public static bool TryFind(in ReadOnlySequence<byte> message, out ReadOnlySequence<byte> data)
    {
        var reader = new SequenceReader<byte>(message);
        if (TryReadLength(ref reader, MessageTag) && TryReadLength(ref reader, DataTag) && reader.Remaining <= Protocol.MaximumChunkBytes)
        {
            data = reader.UnreadSequence;
            return true;
        }

        data = default;
        return false;
    }

    private static int WriteLength(Span<byte> destination, int value)
    {
        var count = 0;
        for (; value >= 0x80; value >>= 7)
        {
            destination[count++] = (byte)(value | 0x80);
        }

        destination[count++] = (byte)value;
        return count;
    }

    /// <summary>Reads a tag and a length, which must be that of all the rest.</summary>
    private static bool TryReadLength(ref SequenceReader<byte> reader, byte tag)
    {
        if (!reader.TryRead(out var first) || first != tag)
        {
            return false;
        }

        long length = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            if (!reader.TryRead(out var part))
            {
                return false;
            }

            length |= (long)(part & 0x7F) << shift;
            if ((part & 0x80) == 0)
            {
                return length == reader.Remaining;
            }
        }

        return false;
    }
}
