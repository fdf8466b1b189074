using DistTrain.Coordinator;
using DistTrain.Core.Data;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using DistTrain.Worker;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Fuzz.Targets;

/// <summary>
/// Both ends of an attachment, told whatever anybody might say. A breach of the protocol is a value there: no exception passes but the parser's, which
/// ends the call.
/// </summary>
internal static class ConversationTargets
{
    // More would be a line that a log cannot show.
    private const int LongestReason = 2048;

    public static FuzzTarget Hello { get; } = new(
        "hello", "a worker's first message, judged by the coordinator", [typeof(InvalidProtocolBufferException)], TakeHello, HelloSeeds);

    public static FuzzTarget Welcome { get; } = new(
        "welcome", "a coordinator's first message, judged by the worker", [typeof(InvalidProtocolBufferException)], TakeWelcome, WelcomeSeeds, SpecTargets.Words);

    public static FuzzTarget FromWorker { get; } = new(
        "from-worker", "all that a worker says after its hello, taken by the coordinator; the first byte says whether a step is computed or an evaluation", [], TakeFromWorker, FromWorkerSeeds);

    public static FuzzTarget FromCoordinator { get; } = new(
        "from-coordinator", "all that a coordinator says after its welcome, taken by the worker; the first byte says whether the dataset is there", [], TakeFromCoordinator, FromCoordinatorSeeds);

    public static Reception NewReception() =>
        new(SmallRun.Spec, new CoordinatorOptions(), SmallRun.Incarnation, ConversationSeeds.KnownAnswer, new Quarantine(TimeProvider.System));

    private static string? TakeHello(byte[] input)
    {
        var first = Wire.ReadUp(input);
        var reception = NewReception();
        if (reception.Judge(first, hasEnded: false) is { } refused)
        {
            RequirePrintable(refused.Text);
            return refused.Text;
        }

        using var connection = reception.Admit(first.Hello, "peer");
        RequirePrintable(connection.Info.ToString());
        var welcome = connection.Outbox.Drain().Single();
        BrokenPromiseException.Unless(WelcomeRules.Judge(welcome, out _) is null, "a coordinator's welcome is refused");
        BrokenPromiseException.Unless(
            reception.Heartbeat(new HeartbeatRequest { Incarnation = SmallRun.Incarnation, WorkerId = welcome.Welcome.WorkerId }).Known, "a worker that was welcomed is not known");
        return null;
    }

    /// <summary>As it is, and with its checksum set right.</summary>
    private static string? TakeWelcome(byte[] input)
    {
        var answer = Wire.ReadDown(input);
        var refusal = Judge();
        if (answer.Welcome is { } welcome)
        {
            welcome.Checksum = Checksum.Of(welcome);
            refusal = Judge();
        }

        return refusal;

        string? Judge()
        {
            var end = WelcomeRules.Judge(answer, out var spec);
            BrokenPromiseException.Unless(end is null == spec is not null, "a worker is welcome without a run");
            BrokenPromiseException.Unless(end is null || end.Reason.Length > 0, "an attachment ends for no reason");
            return end?.Reason;
        }
    }

    private static string? TakeFromWorker(byte[] input)
    {
        if (input.Length == 0)
        {
            return "nothing";
        }

        using var run = new Intake((input[0] & 1) == 0 ? SmallRun.Round : SmallRun.Evaluation);
        var round = run.CurrentRound!.Value;
        var range = new ShardRange(0, Math.Min(2, round.ShardCount));
        using var connection = new WorkerConnection(new WorkerInfo(1, "host", 4, 1, 256, "1", "peer", "name")) { Lease = new Lease(9, 1, round, range) };
        var reader = new WorkerReader(connection, SmallRun.Spec, SmallRun.Data, run);
        string? refusal = null;
        foreach (var payload in Sections.Split(input.AsSpan(1)))
        {
            WorkerMessage message;
            try
            {
                message = Wire.ReadUp(payload);
            }
            catch (InvalidProtocolBufferException e)
            {
                refusal = e.Message;
                break;
            }

            // Nothing here waits: the intake takes at once.
            if (reader.TakeAsync(message).AsTask().GetAwaiter().GetResult() is { } end)
            {
                RequirePrintable(end.InOrder ? end.Reason + " " : end.Reason);
                refusal = end.InOrder ? null : end.Reason;
                break;
            }

            AttachCall.Recycle(message);
        }

        reader.Abandon();
        _ = connection.Outbox.Drain().Count();
        foreach (var pool in new[] { run.Pools.Training, run.Pools.Evaluation })
        {
            BrokenPromiseException.Unless(pool.Created <= PartialRules.MaximumInFlight(SmallRun.Round), "one worker makes the coordinator hold more partials than it may send");
        }

        return refusal;
    }

    private static string? TakeFromCoordinator(byte[] input)
    {
        if (input.Length == 0)
        {
            return "nothing";
        }

        using var computation = new Computation();
        var sent = 0;
        string? refusal = null;
        var reader = new CoordinatorReader(
            SmallRun.Spec, ConversationSeeds.Welcome(), new Source((input[0] & 1) == 0), _ => sent++, _ => computation, NullLogger.Instance);
        if (reader.FindOrAsk() is { } dataset)
        {
            reader.BeReady(dataset);
        }

        foreach (var payload in Sections.Split(input.AsSpan(1)))
        {
            CoordinatorMessage message;
            try
            {
                message = Wire.ReadDown(payload);
            }
            catch (InvalidProtocolBufferException e)
            {
                refusal = e.Message;
                break;
            }

            if (reader.Take(message) is { } wrong)
            {
                BrokenPromiseException.Unless(wrong.Length > 0, "an attachment ends for no reason");
                refusal = wrong;
                break;
            }

            computation.Go();
            AttachCall.Recycle(message);
        }

        reader.GiveUp();
        BrokenPromiseException.Unless(sent <= 2, "a worker says more than that it asks and is ready");
        return refusal;
    }

    /// <summary>A line of a log: what a stranger sends must not make two of it, nor fill the disk.</summary>
    private static void RequirePrintable(string reason)
    {
        BrokenPromiseException.Unless(reason.Length is > 0 and <= LongestReason, $"a reason has {reason.Length} characters");
        BrokenPromiseException.Unless(!reason.Any(char.IsControl), "a reason has control characters");
    }

    private static IEnumerable<Seed> HelloSeeds()
    {
        yield return Seed("good", _ => { });
        yield return Seed("other-protocol", hello => hello.ProtocolVersion++);
        yield return Seed("other-bits", hello => hello.KnownAnswer = ByteString.CopyFrom(new byte[16]));
        yield return Seed("short-answer", hello => hello.KnownAnswer = ByteString.Empty);
        yield return Seed("no-threads", hello => hello.Threads = 0);
        yield return Seed("largest-numbers", hello => (hello.Threads, hello.ProcessId, hello.VectorBits) = (int.MaxValue, int.MaxValue, uint.MaxValue));
        yield return Seed("too-large-numbers", hello => (hello.Threads, hello.ProcessId) = (uint.MaxValue, uint.MaxValue));
        yield return Seed("line-break", hello => hello.Name = "a\nb");
        yield return Seed("long-name", hello => hello.Name = new string('n', 4000));
        yield return Seed("no-names", hello => (hello.Name, hello.Host, hello.BuildVersion) = ("", "", ""));
        yield return Seed("many-digests", hello => hello.DatasetDigests.Add(Enumerable.Repeat("", 1000)));
        yield return new Seed("not-first", new WorkerMessage { Ready = new Ready() }.ToByteArray());

        static Seed Seed(string name, Action<Transport.Wire.Hello> change)
        {
            var hello = ConversationSeeds.Hello;
            change(hello);
            return new Seed(name, new WorkerMessage { Hello = hello }.ToByteArray());
        }
    }

    private static IEnumerable<Seed> WelcomeSeeds()
    {
        yield return Seed("good", _ => { });
        yield return Seed("damaged", welcome => welcome.Checksum = ByteString.Empty);
        yield return Seed("no-run", welcome => welcome.RunSpecJson = "null");
        yield return Seed("no-times", welcome => (welcome.HeartbeatIntervalMilliseconds, welcome.DeadTimeMilliseconds) = (0, 0));
        foreach (var seed in SpecTargets.Run.Seeds().Where(seed => seed.Content.Length < 2000))
        {
            yield return Seed(Path.GetFileNameWithoutExtension(seed.Name), welcome => welcome.RunSpecJson = System.Text.Encoding.UTF8.GetString(seed.Content));
        }

        foreach (var (name, message) in ConversationSeeds.FromCoordinator().Where(seed => seed.Name is "refused" or "run-ended" or "lease"))
        {
            yield return new Seed(name, message.ToByteArray());
        }

        static Seed Seed(string name, Action<Transport.Wire.Welcome> change)
        {
            var welcome = ConversationSeeds.Welcome();
            change(welcome);
            return new Seed(name, new CoordinatorMessage { Welcome = welcome }.ToByteArray());
        }
    }

    private static IEnumerable<Seed> FromWorkerSeeds()
    {
        WorkerMessage[] Named(params string[] names) => [.. ConversationSeeds.FromWorker().Where(seed => names.Contains(seed.Name)).Select(seed => seed.Message)];
        WorkerMessage[] Whole(uint number = 1, ulong version = 3, ulong lease = 9) => [.. ConversationSeeds.Partial(number, version, lease).Select(seed => seed.Message)];
        var ready = Named("ready");
        yield return Seed("dataset", [.. Named("dataset-request"), .. ready, .. Named("goodbye")]);
        yield return Seed("partial", [.. ready, .. Whole(), .. Named("goodbye")]);
        yield return Seed("stale-partial", [.. ready, .. Whole(version: 2, lease: 8)]);
        yield return Seed("two-side-by-side", [.. ready, .. Whole().Zip(Whole(2)).SelectMany(pair => new[] { pair.First, pair.Second })]);
        yield return Seed("evaluation", [.. ready, .. ConversationSeeds.Evaluation()], first: 1);
        yield return Seed("abandoned", [.. ready, .. Whole()[..2], .. Named("partial-abandoned", "lease-returned")]);
        yield return Seed("too-many", [.. ready, .. Enumerable.Range(1, 8).Select(number => Whole((uint)number)[0])]);
        yield return Seed("not-ready", Whole());
        yield return Seed("cut-off", [.. ready, .. Whole()[..2]]);
        yield return Seed("not-complete", [.. ready, Whole()[0], Whole()[^1]]);
        yield return Seed("wrong-length", [.. ready, Change(Whole()[0], header => header.LengthBytes = ulong.MaxValue)]);
        yield return Seed("wrong-shards", [.. ready, Change(Whole()[0], header => (header.FirstShard, header.EndShard) = (1, 3))]);
        yield return Seed("wrong-incarnation", [.. ready, Change(Whole()[0], header => header.Incarnation++)]);
        yield return Seed("largest-version", [.. ready, Change(Whole()[0], header => header.Version = ulong.MaxValue)]);
        yield return Seed("damaged", [.. ready, .. Whole()[..^1], Damage(Whole()[^1])]);

        static Seed Seed(string name, WorkerMessage[] messages, byte first = 0) => new(name, [first, .. Sections.Join(messages.Select(message => message.ToByteArray()))]);

        static WorkerMessage Change(WorkerMessage message, Action<PartialHeader> change)
        {
            change(message.Partial);
            return message;
        }

        static WorkerMessage Damage(WorkerMessage message)
        {
            message.PartialEnd.LossSum = double.NaN;
            return message;
        }
    }

    private static IEnumerable<Seed> FromCoordinatorSeeds()
    {
        CoordinatorMessage[] dataset = [.. ConversationSeeds.Dataset().Select(seed => seed.Message)];
        CoordinatorMessage[] parameters = [.. ConversationSeeds.Parameters().Select(seed => seed.Message)];
        var lease = new CoordinatorMessage { Lease = ConversationSeeds.Lease() };
        var rest = ConversationSeeds.FromCoordinator().Where(seed => seed.Name is "revoked" or "answer").Select(seed => seed.Message).ToArray();
        yield return Seed("step", 0, [.. parameters, lease, .. rest]);
        yield return Seed("dataset-and-step", 1, [.. dataset, .. parameters, lease]);
        yield return Seed("dataset-twice", 1, [dataset[0], dataset[0]]);
        yield return Seed("dataset-damaged", 1, [dataset[0], new CoordinatorMessage { Chunk = new Chunk { Data = ByteString.CopyFrom(new byte[dataset[1].Chunk.Data.Length]) } }]);
        yield return Seed("dataset-too-long", 1, [new CoordinatorMessage { Dataset = new DatasetHeader { Digest = SmallRun.Data.Digest, LengthBytes = ulong.MaxValue } }]);
        yield return Seed("parameters-twice", 0, [parameters[0], .. parameters, lease]);
        yield return Seed("parameters-damaged", 0, [parameters[0], new CoordinatorMessage { Chunk = new Chunk { Data = ByteString.CopyFrom([.. Enumerable.Repeat((byte)1, parameters[1].Chunk.Data.Length)]) } }, lease]);
        yield return Seed("lease-before-parameters", 0, [lease, .. parameters]);
        yield return Seed("not-ready", 1, parameters);
        yield return Seed("no-such-shards", 0, [new CoordinatorMessage { Lease = new LeaseGranted { LeaseId = ulong.MaxValue, Kind = Transport.Wire.RoundKind.Training, Version = ulong.MaxValue, ShardCount = uint.MaxValue, EndShard = uint.MaxValue } }]);

        static Seed Seed(string name, byte first, CoordinatorMessage[] messages) => new(name, [first, .. Sections.Join(messages.Select(message => message.ToByteArray()))]);
    }

    /// <summary>The run as the coordinator's reader sees it.</summary>
    private sealed class Intake(Round current) : IRunIntake, IDisposable
    {
        public ulong Incarnation => SmallRun.Incarnation;

        public int ParameterCount => SmallRun.Elements;

        public PartialPools Pools { get; } = new(SmallRun.Elements);

        public bool IsAuditing => true;

        public Round? CurrentRound => current;

        public TimeProvider Time => TimeProvider.System;

        public bool IsFinite(Partial partial) => double.IsFinite(partial.LossSum);

        public ValueTask<bool> TellAsync(RunInput input)
        {
            switch (input)
            {
                case RunInput.PartialArrived arrived:
                    BrokenPromiseException.Unless(current == arrived.Round, "a partial of another round arrives");
                    Pools.For(arrived.Round.Kind).Return(arrived.Partial);
                    break;
                case RunInput.LeaseReturned returned:
                    RequirePrintable(returned.Reason);
                    break;
            }

            return ValueTask.FromResult(true);
        }

        public void Dispose() => Pools.Dispose();
    }

    /// <summary>A worker's computation as far as it decides; it computes nothing.</summary>
    private sealed class Computation : IComputation, IDisposable
    {
        private readonly LeaseQueue _queue = new(SmallRun.Elements);

        public AlignedBuffer<float> RentBuffer() => _queue.RentBuffer();

        public void Use(long version, AlignedBuffer<float> buffer, ArrivingParameters? arrival = null) => _queue.Use(version, buffer, arrival);

        public void Take(Lease lease) => _queue.Take(lease);

        public void Revoke(long leaseId) => _queue.Revoke(leaseId);

        public void Go()
        {
            if (_queue.Begin() is { } lease && _queue.TakeParameters(lease.Round.Version, out _) && _queue.Arrival is { } arrival && arrival.IsDecided(SmallRun.Elements) && !arrival.IsLost)
            {
                arrival.Await(SmallRun.Elements);
            }
        }

        public void Dispose() => _queue.Dispose();
    }

    private sealed class Source(bool isThere) : IDatasetSource
    {
        public Dataset? Find(DatasetSpec spec) => isThere ? SmallRun.Data : null;

        public Dataset? Receive(DatasetSpec spec, ReadOnlySpan<byte> bytes) => DatasetBytes.Read(bytes, spec);
    }
}
