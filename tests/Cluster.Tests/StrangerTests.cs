using System.Net.Sockets;
using System.Text;
using DistTrain.Coordinator;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Cluster.Tests;

/// <summary>Whoever breaks the protocol is refused with the reason, and leaves no trace in the run.</summary>
/// <remarks>
/// Broken on purpose, and it failed: the known answer is not compared; a partial's checksum is not verified; the incarnation is not compared;
/// any worker may return any lease; a partial's answer names the lease granted last; connections without a call are kept.
/// </remarks>
public sealed class StrangerTests
{
    // Nobody is late or silent here: what frees a lease is the rule that a test is about.
    private static readonly CoordinatorOptions Options = new()
    {
        WorkersToStart = 2,
        LeaseDeadline = TimeSpan.FromMinutes(5),
        DeadTime = TimeSpan.FromSeconds(30),
        GoodbyeDeadline = TimeSpan.FromSeconds(0.2),
    };

    /// <summary>One thing wrong with a partial, and what the worker must hear.</summary>
    public static TheoryData<string, string> WrongPartials => new()
    {
        { "no such kind", "name no round of this run" },
        { "a version beyond the run", "name no round of this run" },
        { "too long", "bytes was announced" },
        { "too short", "bytes was announced" },
        { "eight gigabytes", "bytes was announced" },
        { "half a checksum", "a checksum has 16 bytes, not 8" },
        { "no node of the tree", "are no node of the tree" },
        { "shards beyond the round", "are no node of the tree" },
        { "a node of somebody else's lease", "is not of lease" },
        { "a node that nobody asked for", "which nobody asked for" },
        { "other parameters", "was computed with the parameters of version" },
        { "another number of samples", "samples, not" },
        { "more correct than samples", "cannot be correct" },
    };

    public static TheoryData<string, string> WrongMessages => new()
    {
        { "a chunk of nothing", "a chunk of 10 bytes is Unexpected" },
        { "an empty chunk", "a chunk of 0 bytes is WrongSize" },
        { "a chunk above the limit", "is WrongSize" },
        { "a chunk beyond the length", "is BeyondLength" },
        { "a chunk of another partial", "is Unexpected" },
        { "a partial twice at once", "as number 1, which is on its way" },
        { "a partial of no number", "as number 0, which is none" },
        { "more partials than a lease has nodes", "more than 6 partials were on their way at once" },
        { "the end of nothing", "partial 1 was ended, which is not on its way" },
        { "an end too early", "partial 1 was ended, which is not complete" },
        { "nothing abandoned", "it abandoned partial 1, which is not on its way" },
        { "ready again", "Ready came out of turn" },
        { "hello again", "Hello came out of turn" },
        { "a dataset request when ready", "DatasetRequest came out of turn" },
        { "a message of no kind", "None came out of turn" },
    };

    [Theory]
    [InlineData(RefusalReason.ProtocolVersion, "The worker speaks protocol 4, the coordinator 3.")]
    [InlineData(RefusalReason.NumericsRevision, "The worker computes by numerics revision 2, the run by 1")]
    [InlineData(RefusalReason.KnownAnswer, "it computes other bits")]
    [InlineData(RefusalReason.MalformedHello, "0 threads")]
    [InlineData(RefusalReason.Unspecified, "The first message was Ready; it must be a hello.")]
    public async Task Hello_WrongInOneThing_IsRefusedAndNothingElseHappens(RefusalReason reason, string text)
    {
        var spec = SmallRun.Spec(steps: 3);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = 1 });
        await using var stub = StubWorker.Connect(cluster.Run.EndPoint);
        var hello = StubWorker.Hello();
        hello.ProtocolVersion += reason == RefusalReason.ProtocolVersion ? 1u : 0;
        hello.NumericsRevision += reason == RefusalReason.NumericsRevision ? 1u : 0;
        hello.Threads = reason == RefusalReason.MalformedHello ? 0 : hello.Threads;
        hello.KnownAnswer = reason == RefusalReason.KnownAnswer ? ByteString.CopyFrom(Flipped(hello.KnownAnswer.ToByteArray(), 5)) : hello.KnownAnswer;
        await stub.SendAsync(reason == RefusalReason.Unspecified ? new WorkerMessage { Ready = new Ready() } : new WorkerMessage { Hello = hello });

        var refused = (await stub.ReceiveAsync())!.Refused;

        Assert.Equal(reason == RefusalReason.Unspecified ? RefusalReason.MalformedHello : reason, refused.Reason);
        Assert.Contains(text, refused.Text, StringComparison.Ordinal);
        Assert.False(refused.Transient);
        Assert.Null(await stub.ReceiveAsync());
        await cluster.UntilAsync(() => cluster.Refused.Any(told => told.Contains(text, StringComparison.Ordinal)));
        Assert.Empty(cluster.Joined);

        cluster.StartLocalWorker();
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Single(cluster.Joined);
        Assert.Empty(cluster.Lost);
    }

    [Fact]
    public async Task Hello_OneTooMany_IsRefusedForNow()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 3), Options with { WorkersToStart = 1, MaximumWorkers = 1 });
        await using var first = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        await using var second = StubWorker.Connect(cluster.Run.EndPoint);
        await second.SendAsync(new WorkerMessage { Hello = StubWorker.Hello() });

        var refused = (await second.ReceiveAsync())!.Refused;

        Assert.Equal(RefusalReason.Full, refused.Reason);
        Assert.True(refused.Transient);
    }

    /// <summary>Row D3. The stub drops out; the honest worker computes its shards in the same step.</summary>
    [Theory]
    [MemberData(nameof(WrongPartials))]
    public async Task Partial_WrongInOneThing_EndsTheCallAndTheHashIsTheSame(string what, string reason)
    {
        var spec = SmallRun.Spec(steps: 4);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        cluster.StartLocalWorker();
        await using var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        var lease = (await stub.LeaseAsync())!;
        var partial = stub.Compute(lease)[0];
        var (header, end) = (partial.Header, partial.End);
        switch (what)
        {
            case "no such kind":
                header.Kind = RoundKind.Unspecified;
                break;
            case "a version beyond the run":
                header.Version = header.ParametersVersion = 5;
                break;
            case "too long":
                header.LengthBytes += 4;
                break;
            case "too short":
                header.LengthBytes = 0;
                break;
            case "eight gigabytes":
                header.LengthBytes = 8UL << 30;
                break;
            case "half a checksum":
                end.Checksum = ByteString.CopyFrom(end.Checksum.Span[..8]);
                break;
            case "no node of the tree":
                (header.FirstShard, header.EndShard) = (1, 3);
                break;
            case "shards beyond the round":
                header.EndShard = 6;
                break;
            case "a node of somebody else's lease":
                (header.FirstShard, header.EndShard) = lease.FirstShard == 0 ? (4u, 5u) : (0u, 1u);
                header.SampleCount = 20;
                break;
            case "a node that nobody asked for":
                // Five shards for two: [0, 2) and [2, 5), whose largest nodes are [0, 2), [2, 4) and [4, 5). Under no lease of this worker, [0, 1) is a node
                // of the tree, with the right number of samples.
                (header.FirstShard, header.EndShard, header.SampleCount, header.LeaseId) = (0, 1, 20, 1_000_000);
                break;
            case "other parameters":
                header.ParametersVersion++;
                break;
            case "another number of samples":
                header.SampleCount--;
                break;
            case "more correct than samples":
                end.CorrectCount = header.SampleCount + 1;
                break;
        }

        // So that nothing but the named thing is wrong.
        await stub.TryDeliverAsync(what == "half a checksum" ? partial : partial.Sealed());
        await stub.EndAsync();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        var lost = Assert.Single(cluster.Lost);
        Assert.Equal(StubWorker.Host, lost.Worker.Host);
        Assert.Contains(reason, lost.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(WrongMessages))]
    public async Task Message_OutOfTurn_EndsTheCallAndTheHashIsTheSame(string what, string reason)
    {
        var spec = SmallRun.Spec(steps: 4);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        cluster.StartLocalWorker();
        await using var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        var lease = (await stub.LeaseAsync())!;
        var (header, end, gradient) = stub.Compute(lease)[0];
        WorkerMessage Chunk(int length, uint partial = StubPartial.Number) => new() { Chunk = new Chunk { Partial = partial, Data = ByteString.CopyFrom(new byte[length]) } };
        WorkerMessage Header(uint number)
        {
            var other = header.Clone();
            other.Number = number;
            return new() { Partial = other };
        }

        WorkerMessage[] messages = what switch
        {
            "a chunk of nothing" => [Chunk(10)],
            "an empty chunk" => [new() { Partial = header }, Chunk(0)],
            "a chunk above the limit" => [new() { Partial = header }, Chunk(Protocol.MaximumChunkBytes + 1)],
            "a chunk beyond the length" => [new() { Partial = header }, Chunk(gradient.Length + 1)],
            "a chunk of another partial" => [new() { Partial = header }, Chunk(10, partial: 2)],
            "a partial twice at once" => [new() { Partial = header }, new() { Partial = header }],
            "a partial of no number" => [Header(0)],
            "more partials than a lease has nodes" => [.. Enumerable.Range(1, 7).Select(number => Header((uint)number))],
            "the end of nothing" => [new() { PartialEnd = end }],
            "an end too early" => [new() { Partial = header }, Chunk(10), new() { PartialEnd = end }],
            "nothing abandoned" => [new() { PartialAbandoned = new PartialAbandoned { Number = 1 } }],
            "ready again" => [new() { Ready = new Ready() }],
            "hello again" => [new() { Hello = StubWorker.Hello() }],
            "a dataset request when ready" => [new() { DatasetRequest = new DatasetRequest { Digest = spec.Dataset.Digest } }],
            _ => [new()],
        };
        foreach (var message in messages)
        {
            await stub.TrySendAsync(message);
        }

        await stub.EndAsync();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Contains(reason, Assert.Single(cluster.Lost).Reason, StringComparison.Ordinal);
    }

    /// <summary>What is answered and not counted (4.3): the worker stays, and the true partial counts afterwards.</summary>
    [Fact]
    public async Task Partial_DamagedStaleTwiceOrOfAnotherIncarnation_IsAnsweredAndNotCounted()
    {
        var spec = SmallRun.Spec(steps: 4);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        await using var other = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        await cluster.UntilAsync(() => cluster.Joined.Count == 1);
        await using var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        var lease = (await stub.LeaseAsync())!;
        var partials = stub.Compute(lease);
        var first = partials[0];
        Assert.Equal(2, partials.Count);

        await stub.DeliverAsync(first.WithHeader(wrong => wrong.Incarnation++));
        Assert.Equal(Verdict.WrongIncarnation, (await stub.AnswerAsync())!.Verdict);

        await stub.DeliverAsync(first.Flipped(first.Gradient.Length - 1));
        Assert.Equal(Verdict.Damaged, (await stub.AnswerAsync())!.Verdict);
        var again = (await stub.LeaseAsync())!;
        Assert.Equal((lease.FirstShard, lease.EndShard, lease.Version), (again.FirstShard, again.EndShard, again.Version));
        Assert.NotEqual(lease.LeaseId, again.LeaseId);

        // The sums at its end are under the checksum too.
        await stub.DeliverAsync(first.WithEnd(wrong => wrong.LossSum++));
        Assert.Equal(Verdict.Damaged, (await stub.AnswerAsync())!.Verdict);

        // It counts although its lease was granted again meanwhile: the bits are the same.
        await stub.DeliverAsync(first);
        var counted = (await stub.AnswerAsync())!;
        Assert.Equal((Verdict.Counted, first.Header.LeaseId), (counted.Verdict, counted.LeaseId));

        await stub.DeliverAsync(first);
        Assert.Equal(Verdict.Duplicate, (await stub.AnswerAsync())!.Verdict);

        await stub.DeliverAsync(partials[1]);
        await other.DeliverAsync((await other.LeaseAsync())!);
        Assert.Equal(1UL, (await stub.LeaseOfAsync(version: 1))!.Version);
        await stub.DeliverAsync(first);
        Assert.Equal(Verdict.Stale, (await stub.AnswerAsync())!.Verdict);
        await stub.DisposeAsync();
        await other.DisposeAsync();
        cluster.StartLocalWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
    }

    /// <summary>The partials of a lease come side by side, as a backward pass makes them; one is given up half sent and comes again under another number.</summary>
    [Fact]
    public async Task Partial_BesideOthersAndAbandonedOnce_CountsOnce()
    {
        var spec = SmallRun.Spec(steps: 4);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        cluster.StartLocalWorker();
        await cluster.UntilAsync(() => cluster.Joined.Count == 1);
        await using (var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint))
        {
            var partials = stub.Compute((await stub.LeaseAsync())!);
            Assert.Equal(2, partials.Count);
            WorkerMessage[] first = [.. partials[0].Messages()];
            WorkerMessage[] second = [.. partials[1].Numbered(2).Messages()];
            WorkerMessage[] again = [.. partials[0].Numbered(3).Messages()];
            Assert.Equal(first.Length, second.Length);

            // What is given up was wrong: it would show.
            var wrong = first[1].Clone();
            wrong.Chunk.Data = ByteString.CopyFrom([1, 2, 3, 4]);
            foreach (var message in (WorkerMessage[])[first[0], wrong, .. second.Zip(again).SelectMany(pair => new[] { pair.First, pair.Second })])
            {
                await stub.SendAsync(message);
                if (message == second[1])
                {
                    await stub.SendAsync(new WorkerMessage { PartialAbandoned = new PartialAbandoned { Number = StubPartial.Number } });
                }
            }

            var answers = new[] { (await stub.AnswerAsync())!, (await stub.AnswerAsync())! };
            Assert.All(answers, answer => Assert.Equal(Verdict.Counted, answer.Verdict));
            Assert.Equal([partials[1].Header.FirstShard, partials[0].Header.FirstShard], answers.Select(answer => answer.FirstShard));
        }

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
    }

    /// <summary>Row N8: every partial comes damaged. The worker is dropped in the end, and the run is not.</summary>
    [Fact]
    public async Task Partial_DamagedEveryTime_WorkerIsDropped()
    {
        // At least one lease a step for the stub, however quickly the other worker takes over what comes back: more than it may spoil.
        var spec = SmallRun.Spec(steps: 40);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        cluster.StartLocalWorker();
        await using var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        var damaged = 0;
        while (await stub.LeaseAsync() is { } lease)
        {
            var partial = stub.Compute(lease)[0];
            // An evaluation's partial has nothing between header and end.
            await stub.TryDeliverAsync(partial.Gradient.Length > 0 ? partial.Flipped(damaged) : partial.WithEnd(spoiled => spoiled.LossSum++));
            damaged++;
        }

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Contains("16 leases in a row came to nothing", Assert.Single(cluster.Lost).Reason, StringComparison.Ordinal);
        Assert.Equal(17, damaged);
    }

    [Fact]
    public async Task LeaseReturned_SomebodyElses_IsIgnored()
    {
        var spec = SmallRun.Spec(steps: 2);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        await using var owner = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        await using var thief = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        var (owned, own) = ((await owner.LeaseAsync())!, (await thief.LeaseAsync())!);
        await thief.SendAsync(new WorkerMessage { LeaseReturned = new LeaseReturned { LeaseId = owned.LeaseId } });
        await thief.SendAsync(new WorkerMessage { LeaseReturned = new LeaseReturned { LeaseId = own.LeaseId } });
        var again = (await thief.LeaseAsync())!;

        // It is told when the lease is on its way.
        await cluster.UntilAsync(() => !cluster.Reissued.IsEmpty);
        Assert.Equal((own.FirstShard, own.EndShard), (again.FirstShard, again.EndShard));
        Assert.Equal((owned.FirstShard, owned.EndShard), (own.FirstShard == 0 ? own.EndShard : 0, own.FirstShard == 0 ? 5u : own.FirstShard));
        Assert.All(cluster.Reissued, reissued => Assert.Equal((int)own.FirstShard, reissued.Shards.Start));
        Assert.Single(cluster.Reissued);
    }

    /// <summary>Row N9.</summary>
    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")]
    [InlineData("random bytes that are no protocol at all, and more of them than one frame's header")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff")]
    public async Task Port_Garbage_ConnectionIsClosedAndTheCoordinatorLives(string bytes)
    {
        var spec = SmallRun.Spec(steps: 3);
        var options = Options with { WorkersToStart = 1, HelloDeadline = TimeSpan.FromSeconds(0.5), DeadTime = TimeSpan.FromSeconds(1) };
        await using var cluster = await TestCluster.StartAsync(spec, options);
        using var stranger = new TcpClient();
        using var deadline = new CancellationTokenSource(TestCluster.Patience, TimeProvider.System);
        await stranger.ConnectAsync(cluster.Run.EndPoint, deadline.Token);
        var stream = stranger.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(bytes), deadline.Token);
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            // Whatever it is answered, the connection ends; at the hello's deadline if what came might be the beginning of something.
            var answer = new byte[4096];
            while (await stream.ReadAsync(answer, deadline.Token) > 0)
            {
            }

            throw new EndOfStreamException();
        });

        cluster.StartLocalWorker();
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Single(cluster.Joined);
    }

    [Fact]
    public async Task Call_WithoutHello_IsClosedAtItsDeadline()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 3), Options with { HelloDeadline = TimeSpan.FromSeconds(0.2) });
        await using var stub = StubWorker.Connect(cluster.Run.EndPoint);

        Assert.Null(await stub.ReceiveAsync());

        await cluster.UntilAsync(() => cluster.Refused.Contains("it said no hello in time"));
    }

    private static byte[] Flipped(byte[] bytes, int at)
    {
        var flipped = bytes.ToArray();
        flipped[at] ^= 1;
        return flipped;
    }
}
