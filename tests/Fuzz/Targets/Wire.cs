using System.Buffers;
using DistTrain.Transport;
using DistTrain.Transport.Tests;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace DistTrain.Fuzz.Targets;

/// <summary>The marshallers of the call that workers attach by, without a network.</summary>
internal static class Wire
{
    /// <summary>What a coordinator makes of a message's bytes.</summary>
    /// <exception cref="InvalidProtocolBufferException">They are none: gRPC ends the call.</exception>
    public static WorkerMessage ReadUp(byte[] payload, int segment = int.MaxValue) => Read(AttachCall.Method.RequestMarshaller, payload, segment);

    /// <summary>What a worker makes of them.</summary>
    /// <exception cref="InvalidProtocolBufferException">They are none: gRPC ends the call.</exception>
    public static CoordinatorMessage ReadDown(byte[] payload, int segment = int.MaxValue) => Read(AttachCall.Method.ResponseMarshaller, payload, segment);

    /// <summary>A message's bytes.</summary>
    public static byte[] Write<TMessage>(Marshaller<TMessage> marshaller, TMessage message)
    {
        var written = new Written();
        marshaller.ContextualSerializer(message, written);
        return written.Bytes;
    }

    private static TMessage Read<TMessage>(Marshaller<TMessage> marshaller, byte[] payload, int segment) =>
        marshaller.ContextualDeserializer(new Payload(Segments.Of(payload, segment)));

    private sealed class Payload(ReadOnlySequence<byte> bytes) : DeserializationContext
    {
        public override int PayloadLength => (int)bytes.Length;

        public override byte[] PayloadAsNewBuffer() => bytes.ToArray();

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => bytes;
    }
}
