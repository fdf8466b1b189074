using DistTrain.Coordinator;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace DistTrain.Fuzz.Targets;

/// <summary>Each wire message on its own. What is read is what the generated code reads, however the bytes are cut into pieces, and can be sent on.</summary>
internal static class MessageTargets
{
    // From one piece to pieces of one byte: the buffers of a network end anywhere.
    private static readonly int[] Pieces = [int.MaxValue, 7, 1];

    private static readonly MessageParser[] UnaryParsers =
    [
        HeartbeatRequest.Parser, HeartbeatReply.Parser, StatusRequest.Parser, StatusReply.Parser, PauseRequest.Parser, PauseReply.Parser, ResumeRequest.Parser, ResumeReply.Parser,
        CheckpointRequest.Parser, CheckpointReply.Parser, StopRequest.Parser, StopReply.Parser, ScaleRequest.Parser, ScaleReply.Parser, AuthorityRequest.Parser,
        AuthorityReply.Parser, EnrollRequest.Parser, RenewRequest.Parser, CertificateReply.Parser,
    ];

    /// <summary>How many messages <see cref="Unary"/> parses; the first bytes from 0 on.</summary>
    public static int UnaryCount => UnaryParsers.Length;

    /// <summary>The messages that a target here parses.</summary>
    public static IEnumerable<MessageDescriptor> Parsed =>
        UnaryParsers.Select(parser => parser.ParseFrom(ByteString.Empty).Descriptor).Append(Transport.Wire.WorkerMessage.Descriptor).Append(Transport.Wire.CoordinatorMessage.Descriptor);

    public static FuzzTarget WorkerMessage { get; } = new(
        "worker-message", "a message from a worker", [typeof(InvalidProtocolBufferException)],
        input => Take(input, Transport.Wire.WorkerMessage.Parser, Wire.ReadUp, AttachCall.Method.RequestMarshaller, message => message.Chunk, AttachCall.Recycle),
        () => Seeds(ConversationSeeds.FromWorker()));

    public static FuzzTarget CoordinatorMessage { get; } = new(
        "coordinator-message", "a message from a coordinator", [typeof(InvalidProtocolBufferException)],
        input => Take(input, Transport.Wire.CoordinatorMessage.Parser, Wire.ReadDown, AttachCall.Method.ResponseMarshaller, message => message.Chunk, AttachCall.Recycle),
        () => Seeds(ConversationSeeds.FromCoordinator()));

    public static FuzzTarget Unary { get; } = new(
        "unary", "heartbeats, an operator's calls and those by which a worker joins; the first byte says which", [typeof(InvalidProtocolBufferException)], TakeUnary, UnarySeeds);

    private static string? Take<TMessage>(
        byte[] input, MessageParser<TMessage> generated, Func<byte[], int, TMessage> read, Grpc.Core.Marshaller<TMessage> marshaller, Func<TMessage, Chunk?> chunkOf, Action<TMessage> recycle)
        where TMessage : class, IMessage<TMessage>
    {
        TMessage? expected = null;
        InvalidProtocolBufferException? refusal = null;
        try
        {
            expected = generated.ParseFrom(input);
        }
        catch (InvalidProtocolBufferException e)
        {
            refusal = e;
        }

        foreach (var piece in Pieces)
        {
            TMessage message;
            try
            {
                message = read(input, piece);
            }
            catch (InvalidProtocolBufferException) when (refusal is not null)
            {
                continue;
            }

            BrokenPromiseException.Unless(message.Equals(expected), $"the marshaller reads another message in pieces of {piece}");
            var again = read(Wire.Write(marshaller, message), piece);
            // A chunk is sent on without what else a stranger put beside it.
            BrokenPromiseException.Unless(
                chunkOf(message) is { } chunk ? chunkOf(again) is { } sent && chunk.Partial == sent.Partial && chunk.Data.Equals(sent.Data) : again.Equals(message),
                "a message does not come back from its bytes");
            recycle(again);
            recycle(message);
        }

        if (refusal is not null)
        {
            throw refusal;
        }

        return null;
    }

    private static string? TakeUnary(byte[] input)
    {
        if (input.Length == 0)
        {
            return "no message";
        }

        var parser = UnaryParsers[input[0] % UnaryParsers.Length];
        var message = parser.ParseFrom(input, 1, input.Length - 1);
        BrokenPromiseException.Unless(parser.ParseFrom(message.ToByteArray()).Equals(message), "a message does not come back from its bytes");
        var target = message switch
        {
            StatusRequest status => status.Target,
            PauseRequest pause => pause.Target,
            ResumeRequest resume => resume.Target,
            CheckpointRequest checkpoint => checkpoint.Target,
            StopRequest stop => stop.Target,
            ScaleRequest scale => scale.Target,
            _ => null,
        };
        if (target is not null)
        {
            _ = ControlRules.RefuseTarget(target.Incarnation, target.ProcessId, SmallRun.Incarnation, 1);
        }

        if (message is HeartbeatRequest beat)
        {
            BrokenPromiseException.Unless(!ConversationTargets.NewReception().Heartbeat(beat).Known, "a stranger's heartbeat is known");
        }

        if (message is EnrollRequest enrollment)
        {
            _ = JoinToken.TryParse(enrollment.Token);
        }

        return null;
    }

    private static IEnumerable<Seed> Seeds<TMessage>(IEnumerable<(string Name, TMessage Message)> messages)
        where TMessage : IMessage
    {
        foreach (var (name, message) in messages)
        {
            yield return new Seed(name, message.ToByteArray());
        }

        // A chunk in an order of fields that the generated code has not, one that declares 4 GB, numbers of too many bytes, and a field that nobody knows.
        yield return new Seed("chunk-data-first", [0x2A, 5, 0x12, 1, 7, 0x08, 1]);
        yield return new Seed("chunk-of-4-GB", [0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x12, 0xF9, 0xFF, 0xFF, 0xFF, 0x0F]);
        yield return new Seed("chunk-long-numbers", [0x2A, 0x84, 0x80, 0x00, 0x12, 0x81, 0x00, 7]);
        yield return new Seed("chunk-negative-length", [0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
        yield return new Seed("chunk-unknown-field", [0x2A, 5, 0x12, 1, 7, 0x78, 1]);
        yield return new Seed("chunk-twice", [0x2A, 3, 0x12, 1, 7, 0x2A, 3, 0x12, 1, 8]);
        yield return new Seed("nothing", []);
        yield return new Seed("group", [0x7B, 0x7B, 0x7B, 0x7B]);
    }

    private static IEnumerable<Seed> UnarySeeds()
    {
        IMessage[] messages =
        [
            new HeartbeatRequest { Incarnation = SmallRun.Incarnation, WorkerId = 1 }, new HeartbeatReply { Known = true }, new StatusRequest { Target = new Target { Incarnation = 7, ProcessId = 1 } },
            new StatusReply { Phase = RunPhase.Computing, Step = 1, Steps = 5, CheckpointStep = 1, WaitsFor = "workers", Workers = { new WorkerReport { Id = 1, Name = "w", ComputeMilliseconds = 1.5 } } },
            new PauseRequest(), new PauseReply { Step = 3 }, new ResumeRequest { Target = new Target { ProcessId = uint.MaxValue } }, new ResumeReply { Step = 3 }, new CheckpointRequest(),
            new CheckpointReply { Step = 3, Path = "/run/step" }, new StopRequest(), new StopReply { HasCheckpoint = true }, new ScaleRequest { Workers = uint.MaxValue }, new ScaleReply { WorkersBefore = 2 },
            new AuthorityRequest(), new AuthorityReply { Certificate = ByteString.CopyFrom(1, 2) }, new EnrollRequest { Token = "dt1.0123abcd.AAAAAAAAAAAAAAAAAAAAAA", CertificateRequest = ByteString.CopyFrom(3) },
            new RenewRequest { CertificateRequest = ByteString.CopyFrom(4) }, new CertificateReply { Certificate = ByteString.CopyFrom(5) },
        ];
        return
        [
            .. messages.Select((message, i) => new Seed($"{i:00}-{message.Descriptor.Name}", [(byte)i, .. message.ToByteArray()])),
            new Seed("cut-off", [3, .. messages[3].ToByteArray()[..^1]]),
        ];
    }
}
