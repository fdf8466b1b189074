using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace DistTrain.Transport;

/// <summary>
/// The method <c>Attach</c> with marshallers of its own: on the wire what the generated code has, in memory without a copy of a chunk that the library does not
/// force. Whoever reads the stream gives each message back with <c>Recycle</c> when it is done with it.
/// </summary>
public static class AttachCall
{
    private static readonly ReceivedChunks<WorkerMessage> Up = new(chunk => new WorkerMessage { Chunk = chunk }, message => message.Chunk);
    private static readonly ReceivedChunks<CoordinatorMessage> Down = new(chunk => new CoordinatorMessage { Chunk = chunk }, message => message.Chunk);

    /// <summary>The method.</summary>
    public static Method<WorkerMessage, CoordinatorMessage> Method { get; } = new(
        MethodType.DuplexStreaming,
        Training.Descriptor.FullName,
        nameof(Training.TrainingClient.Attach),
        Marshallers.Create(Write, Read(WorkerMessage.Parser, Up)),
        Marshallers.Create(Write, Read(CoordinatorMessage.Parser, Down)));

    /// <summary>Calls it.</summary>
    /// <param name="invoker">Of the channel.</param>
    /// <param name="cancellation">Ends the call.</param>
    public static AsyncDuplexStreamingCall<WorkerMessage, CoordinatorMessage> Begin(CallInvoker invoker, CancellationToken cancellation) =>
        invoker.AsyncDuplexStreamingCall(Method, host: null, new CallOptions(cancellationToken: cancellation));

    /// <summary>Takes back a message that was read and will not be looked at again, nor its chunk.</summary>
    public static void Recycle(WorkerMessage message) => Up.Return(message);

    /// <inheritdoc cref="Recycle(WorkerMessage)"/>
    public static void Recycle(CoordinatorMessage message) => Down.Return(message);

    private static void Write(WorkerMessage message, SerializationContext context) => Write(message, message.Chunk, context);

    private static void Write(CoordinatorMessage message, SerializationContext context) => Write(message, message.Chunk, context);

    private static void Write(IMessage message, Chunk? chunk, SerializationContext context)
    {
        if (chunk is not null)
        {
            ChunkFormat.Write(chunk, context);
            return;
        }

        context.SetPayloadLength(message.CalculateSize());
        message.WriteTo(context.GetBufferWriter());
        context.Complete();
    }

    private static Func<DeserializationContext, TMessage> Read<TMessage>(MessageParser<TMessage> parser, ReceivedChunks<TMessage> received)
        where TMessage : class, IMessage<TMessage> => context =>
        {
            var payload = context.PayloadAsReadOnlySequence();
            return ChunkFormat.TryFind(payload, out var partial, out var data) ? received.Rent(partial, data) : parser.ParseFrom(payload);
        };
}
