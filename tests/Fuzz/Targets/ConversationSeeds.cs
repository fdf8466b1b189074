using DistTrain.Core.Formats;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Fuzz.Targets;

/// <summary>Messages as both sides of the small run send them.</summary>
internal static class ConversationSeeds
{
    public static readonly byte[] KnownAnswer = [.. Enumerable.Range(1, Checksum.SizeBytes).Select(i => (byte)i)];

    private static readonly int GradientBytes = SmallRun.Elements * sizeof(float);
    private static readonly int ParameterBytes = SmallRun.Model.ParameterLayout().ParameterLength * sizeof(float);

    public static Hello Hello => new()
    {
        ProtocolVersion = Protocol.Version,
        BuildVersion = "1",
        NumericsRevision = RunSpec.CurrentNumericsRevision,
        Threads = 2,
        VectorBits = 256,
        Host = "host",
        ProcessId = 4,
        KnownAnswer = ByteString.CopyFrom(KnownAnswer),
        Name = "name",
        DatasetDigests = { SmallRun.Data.Digest },
    };

    public static Welcome Welcome()
    {
        var welcome = new Welcome
        {
            WorkerId = 1,
            Incarnation = SmallRun.Incarnation,
            RunSpecJson = SpecJson.Write(SmallRun.Spec, indented: false),
            HeartbeatIntervalMilliseconds = 500,
            DeadTimeMilliseconds = 3000,
        };
        welcome.Checksum = Checksum.Of(welcome);
        return welcome;
    }

    /// <summary>One of each kind, and the whole of a partial.</summary>
    public static IEnumerable<(string Name, WorkerMessage Message)> FromWorker()
    {
        yield return ("hello", new WorkerMessage { Hello = Hello });
        yield return ("dataset-request", new WorkerMessage { DatasetRequest = new DatasetRequest { Digest = SmallRun.Data.Digest } });
        yield return ("ready", new WorkerMessage { Ready = new Ready { SharedMemoryNonce = ByteString.CopyFrom(KnownAnswer) } });
        foreach (var (name, message) in Partial())
        {
            yield return (name, message);
        }

        yield return ("partial-abandoned", new WorkerMessage { PartialAbandoned = new PartialAbandoned { Number = 1 } });
        yield return ("lease-returned", new WorkerMessage { LeaseReturned = new LeaseReturned { LeaseId = 9, Reason = ReturnReason.Parameters } });
        yield return ("goodbye", new WorkerMessage { Goodbye = new Goodbye { Reason = "enough" } });
    }

    /// <summary>A partial of the lease that the worker has, whole.</summary>
    public static IEnumerable<(string Name, WorkerMessage Message)> Partial(uint number = 1, ulong version = 3, ulong lease = 9)
    {
        var gradient = new byte[GradientBytes];
        var header = new PartialHeader
        {
            Incarnation = SmallRun.Incarnation,
            LeaseId = lease,
            Kind = Transport.Wire.RoundKind.Training,
            Version = version,
            ParametersVersion = version,
            FirstShard = 0,
            EndShard = 2,
            SampleCount = 4,
            LengthBytes = (ulong)GradientBytes,
            Number = number,
        };
        var end = new PartialEnd { Number = number, LossSum = 2.5, CorrectCount = 3, ComputeMicroseconds = 100, IsFinite = true };
        end.Checksum = Checksum.Of(header, end, gradient);
        yield return ("partial", new WorkerMessage { Partial = header });
        foreach (var (start, chunk) in Chunks.FromTheEnd(gradient, ParameterBytes, number))
        {
            yield return ($"chunk-{start}", new WorkerMessage { Chunk = chunk });
        }

        yield return ("partial-end", new WorkerMessage { PartialEnd = end });
    }

    /// <summary>The evaluation of the run's one evaluation shard: no gradient.</summary>
    public static IEnumerable<WorkerMessage> Evaluation()
    {
        var header = new PartialHeader
        {
            Incarnation = SmallRun.Incarnation,
            LeaseId = 9,
            Kind = Transport.Wire.RoundKind.Evaluation,
            Version = 3,
            ParametersVersion = 3,
            EndShard = 1,
            SampleCount = 6,
            Number = 2,
        };
        var end = new PartialEnd { Number = 2, LossSum = double.NaN };
        end.Checksum = Checksum.Of(header, end, []);
        return [new WorkerMessage { Partial = header }, new WorkerMessage { PartialEnd = end }];
    }

    /// <summary>One of each kind.</summary>
    public static IEnumerable<(string Name, CoordinatorMessage Message)> FromCoordinator()
    {
        yield return ("welcome", new CoordinatorMessage { Welcome = Welcome() });
        yield return ("refused", new CoordinatorMessage { Refused = new Refused { Reason = RefusalReason.Full, Text = "full", Transient = true } });
        foreach (var (name, message) in Dataset().Concat(Parameters()))
        {
            yield return (name, message);
        }

        yield return ("lease", new CoordinatorMessage { Lease = Lease() });
        yield return ("revoked", new CoordinatorMessage { Revoked = new LeaseRevoked { LeaseId = 9 } });
        yield return ("answer", new CoordinatorMessage { Answer = new PartialAnswer { LeaseId = 9, EndShard = 2, Verdict = Verdict.Duplicate } });
        yield return ("run-ended", new CoordinatorMessage { RunEnded = new RunEnded { Outcome = RunOutcome.Failed, Reason = "why" } });
        yield return ("region", new CoordinatorMessage { Region = new SharedRegion { Path = "/dev/shm/none", Slots = 4 } });
    }

    public static LeaseGranted Lease() => new() { LeaseId = 9, Kind = Transport.Wire.RoundKind.Training, Version = 3, ShardCount = 4, FirstShard = 0, EndShard = 2 };

    public static IEnumerable<(string Name, CoordinatorMessage Message)> Dataset() =>
    [
        ("dataset", new CoordinatorMessage { Dataset = new DatasetHeader { Digest = SmallRun.Data.Digest, LengthBytes = (ulong)DatasetBytes.Length(SmallRun.Spec.Dataset) } }),
        ("chunk-dataset", new CoordinatorMessage { Chunk = new Chunk { Data = ByteString.CopyFrom([.. DatasetBytes.Write(SmallRun.Data).SelectMany(part => part.ToArray())]) } }),
    ];

    public static IEnumerable<(string Name, CoordinatorMessage Message)> Parameters()
    {
        var parameters = new byte[GradientBytes];
        return
        [
            ("parameters", new CoordinatorMessage
            {
                Parameters = new ParametersHeader { Incarnation = SmallRun.Incarnation, Version = 3, LengthBytes = (ulong)GradientBytes, Checksum = Checksum.Of(parameters) },
            }),
            ("chunk-parameters", new CoordinatorMessage { Chunk = new Chunk { Data = ByteString.CopyFrom(parameters) } }),
        ];
    }
}
