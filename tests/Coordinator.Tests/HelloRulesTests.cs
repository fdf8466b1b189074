using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Coordinator.Tests;

public sealed class HelloRulesTests
{
    private static readonly byte[] Answer = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];
    private static readonly RunSpec Spec = new(
        ModelCatalog.MultiLayer("small", [4]), new DatasetSpec("small", "", 100, 20, 784, 10), new OptimizerSpec("sgd", 0.1f), BatchSize: 50, ShardCount: 5, Seed: 1, Steps: 9);

    public static TheoryData<string, Action<Hello>, RefusalReason> Wrong => new()
    {
        { "protocol", hello => hello.ProtocolVersion++, RefusalReason.ProtocolVersion },
        { "no protocol", hello => hello.ProtocolVersion = 0, RefusalReason.ProtocolVersion },
        { "numerics", hello => hello.NumericsRevision++, RefusalReason.NumericsRevision },
        { "no answer", hello => hello.KnownAnswer = ByteString.Empty, RefusalReason.KnownAnswer },
        { "one bit", hello => hello.KnownAnswer = ByteString.CopyFrom([.. Answer[..15], 14]), RefusalReason.KnownAnswer },
        { "too long an answer", hello => hello.KnownAnswer = ByteString.CopyFrom([.. Answer, 0]), RefusalReason.KnownAnswer },
        { "no threads", hello => hello.Threads = 0, RefusalReason.MalformedHello },
        { "threads without end", hello => hello.Threads = uint.MaxValue, RefusalReason.MalformedHello },
        { "process", hello => hello.ProcessId = uint.MaxValue, RefusalReason.MalformedHello },
        { "a long host", hello => hello.Host = new string('h', 256), RefusalReason.MalformedHello },
        { "a host of two lines", hello => hello.Host = "a\n12:00:00 INF Joined: worker 7", RefusalReason.MalformedHello },
        { "a long build", hello => hello.BuildVersion = new string('b', 256), RefusalReason.MalformedHello },
        { "a build of two lines", hello => hello.BuildVersion = "1\r2", RefusalReason.MalformedHello },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Judge_OneThingWrong_IsRefusedForGood(string what, Action<Hello> change, RefusalReason reason)
    {
        var hello = Right();
        change(hello);

        var refused = HelloRules.Judge(new WorkerMessage { Hello = hello }, Spec, Answer, hasEnded: false, isFull: false, new Quarantine(TimeProvider.System));

        Assert.True(refused is { Transient: false } && refused.Reason == reason, $"{what}: {refused}");
        Assert.NotEmpty(refused.Text);
    }

    [Fact]
    public void Judge_NoHello_IsMalformed() =>
        Assert.Equal(RefusalReason.MalformedHello, HelloRules.Judge(new WorkerMessage(), Spec, Answer, hasEnded: false, isFull: false, new Quarantine(TimeProvider.System))!.Reason);

    [Fact]
    public void Judge_AllRight_MayJoinWhenThereIsRoom()
    {
        var message = new WorkerMessage { Hello = Right() };

        Assert.Null(HelloRules.Judge(message, Spec, Answer, hasEnded: false, isFull: false, new Quarantine(TimeProvider.System)));
        Assert.True(HelloRules.Judge(message, Spec, Answer, hasEnded: false, isFull: true, new Quarantine(TimeProvider.System)) is { Transient: true, Reason: RefusalReason.Full });
        Assert.True(HelloRules.Judge(message, Spec, Answer, hasEnded: true, isFull: true, new Quarantine(TimeProvider.System)) is { Transient: true, Reason: RefusalReason.RunEnded });
    }

    [Fact]
    public void Printable_ControlCharactersAndLength_AreOneShortLine() =>
        Assert.Equal("a b " + new string('c', 251), HelloRules.Printable("a\nb\t" + new string('c', 1000)));

    private static Hello Right() => new()
    {
        ProtocolVersion = Protocol.Version,
        BuildVersion = "another build",
        NumericsRevision = RunSpec.CurrentNumericsRevision,
        Threads = 2,
        Host = new string('h', 255),
        ProcessId = int.MaxValue,
        KnownAnswer = ByteString.CopyFrom(Answer),
    };
}
