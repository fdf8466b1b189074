using System.Buffers;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace DistTrain.Transport.Tests;

/// <summary>What our marshallers write and read is what the generated code would.</summary>
public sealed class AttachCallTests
{
    public static TheoryData<int> Lengths => [0, 1, 2, 125, 126, 127, 128, 129, 16379, 16380, 16383, 16384, Protocol.ChunkBytes, Protocol.MaximumChunkBytes, Protocol.MaximumChunkBytes + 1];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Write_AChunk_IsWhatTheGeneratedCodeWrites(int length)
    {
        var data = UnsafeByteOperations.UnsafeWrap(Bytes(length));
        foreach (var partial in (uint[])[0, 1, 127, 128, uint.MaxValue])
        {
            var up = new WorkerMessage { Chunk = new Chunk { Partial = partial, Data = data } };
            Assert.Equal(up.ToByteArray(), Written(AttachCall.Method.RequestMarshaller, up));
        }

        var down = new CoordinatorMessage { Chunk = new Chunk { Data = data } };

        Assert.Equal(down.ToByteArray(), Written(AttachCall.Method.ResponseMarshaller, down));
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Read_AChunkFromManySegments_IsWhatTheGeneratedCodeReads(int length)
    {
        var data = ByteString.CopyFrom(Bytes(length));
        foreach (var segment in (int[])[1, 2, 3, 4096, int.MaxValue])
        {
            var up = new WorkerMessage { Chunk = new Chunk { Partial = (uint)segment, Data = data } };
            var read = Read(AttachCall.Method.RequestMarshaller, up.ToByteArray(), segment);
            Assert.Equal(up, read);
            AttachCall.Recycle(read);

            var down = new CoordinatorMessage { Chunk = new Chunk { Data = data } };
            Assert.Equal(down, Read(AttachCall.Method.ResponseMarshaller, down.ToByteArray(), segment));
        }
    }

    [Fact]
    public void Read_AnyOtherMessage_IsWhatTheGeneratedCodeReads()
    {
        WorkerMessage[] messages =
        [
            new(),
            new() { Ready = new Ready() },
            new() { Hello = new Hello { Host = "here", Threads = 3, KnownAnswer = ByteString.CopyFrom(1, 2, 3) } },
            new() { Partial = new PartialHeader { LengthBytes = ulong.MaxValue, Number = 3 } },
            new() { PartialEnd = new PartialEnd { Number = 3, LossSum = -0.5, Checksum = ByteString.CopyFrom(1, 2) } },
            new() { PartialAbandoned = new PartialAbandoned { Number = 3 } },
        ];
        foreach (var message in messages)
        {
            var bytes = Written(AttachCall.Method.RequestMarshaller, message);
            Assert.Equal(message.ToByteArray(), bytes);
            Assert.Equal(message, Read(AttachCall.Method.RequestMarshaller, bytes, 1));
        }
    }

    /// <summary>Anything that only begins like a chunk is judged by the generated code.</summary>
    [Theory]
    [InlineData("2A")]
    [InlineData("2A 02 12")]
    [InlineData("2A 05 12 01 07")]
    [InlineData("2A 03 12 02 07")]
    [InlineData("2A 02 08 80")]
    [InlineData("2A FF FF FF FF FF 12 01 07")]
    public void Read_ADamagedChunk_IsRefused(string hex) => Assert.Throws<InvalidProtocolBufferException>(
        () => Read(AttachCall.Method.RequestMarshaller, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), 1));

    [Fact]
    public void Read_ChunkWithUnknownFields_StillReadsTheData() => Assert.Equal(
        [7], Read(AttachCall.Method.RequestMarshaller, [0x2A, 5, 0x12, 1, 7, 0x78, 1], 2).Chunk.Data.ToByteArray());

    [Fact]
    public void Recycle_ChunksOfATensor_AllocateNothing()
    {
        var whole = new WorkerMessage { Chunk = new Chunk { Data = ByteString.CopyFrom(Bytes(Protocol.ChunkBytes)) } }.ToByteArray();
        var context = new Payload(whole, int.MaxValue);
        void Take() => AttachCall.Recycle(AttachCall.Method.RequestMarshaller.ContextualDeserializer(context));
        Take();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Take();
        }

        // A test beside this one may hold a message for a moment, and this one make another.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3 * Protocol.ChunkBytes);
    }

    /// <summary>A shorter chunk after a longer one must not show the longer one's end.</summary>
    [Fact]
    public void Recycle_ThenAnotherLength_GivesTheNewData()
    {
        foreach (var length in (int[])[50_000, 10, 60_000, 10, 9])
        {
            var message = new WorkerMessage { Chunk = new Chunk { Data = ByteString.CopyFrom(Bytes(length)) } };
            var read = Read(AttachCall.Method.RequestMarshaller, message.ToByteArray(), int.MaxValue);
            Assert.Equal(message, read);
            AttachCall.Recycle(read);
        }
    }

    internal static byte[] Bytes(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)((i * 31) + 1))];

    private static byte[] Written<T>(Marshaller<T> marshaller, T message)
    {
        var context = new Written();
        marshaller.ContextualSerializer(message, context);
        return context.Bytes;
    }

    private static T Read<T>(Marshaller<T> marshaller, byte[] bytes, int segment) => marshaller.ContextualDeserializer(new Payload(bytes, segment));

    private sealed class Payload(byte[] bytes, int segment) : DeserializationContext
    {
        private readonly ReadOnlySequence<byte> _payload = Segments.Of(bytes, segment);

        public override int PayloadLength => bytes.Length;

        public override byte[] PayloadAsNewBuffer() => bytes;

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;
    }
}
