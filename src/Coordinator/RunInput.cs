using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>Something that the run loop is told. Everything it does follows from one of these.</summary>
internal abstract record RunInput
{
    /// <summary>A worker was welcomed; it may still lack the dataset.</summary>
    public sealed record Attached(WorkerConnection Connection) : RunInput;

    /// <summary>A worker is ready for leases.</summary>
    /// <param name="Connection">Which one.</param>
    /// <param name="SharedMemoryNonce">What it has read in the run's shared memory; empty if nothing.</param>
    public sealed record Ready(WorkerConnection Connection, ReadOnlyMemory<byte> SharedMemoryNonce = default) : RunInput;

    /// <summary>A partial came whole and undamaged; it belongs to the run loop now.</summary>
    /// <param name="Connection">From whom.</param>
    /// <param name="LeaseId">For which lease.</param>
    /// <param name="Round">For which round.</param>
    /// <param name="Partial">The sums.</param>
    /// <param name="IsFinite">Whether all of them are finite.</param>
    /// <param name="Fingerprint">Of the content, where the run audits.</param>
    /// <param name="ComputeTime">How long the worker says it has computed on the lease; 0 if it does not say.</param>
    public sealed record PartialArrived(
        WorkerConnection Connection, long LeaseId, Round Round, Partial Partial, bool IsFinite, UInt128 Fingerprint, TimeSpan ComputeTime) : RunInput
    {
        /// <summary>When it came.</summary>
        public PartialReceipt Receipt { get; init; }
    }

    /// <summary>A lease is open again: given back, or its partial was damaged.</summary>
    public sealed record LeaseReturned(WorkerConnection Connection, long LeaseId, string Reason) : RunInput;

    /// <summary>A connection has ended.</summary>
    public sealed record Left(WorkerConnection Connection, string Reason, bool InOrder) : RunInput;

    /// <summary>Somebody was refused.</summary>
    public sealed record Refused(string Peer, string Reason) : RunInput;

    /// <summary>So many workers are expected before the first step.</summary>
    public sealed record WorkersExpected(int Count) : RunInput;

    /// <summary>Time has passed.</summary>
    public sealed record Tick : RunInput
    {
        /// <summary>The only one.</summary>
        public static Tick Instance { get; } = new();
    }

    /// <summary>A save has ended.</summary>
    public sealed record Saved(SaveResult Result) : RunInput;

    /// <summary>An operator wants something.</summary>
    public sealed record Control(ControlVerb Verb, TaskCompletionSource<ControlReply> Reply) : RunInput;

    /// <summary>An operator wants to know how the run stands.</summary>
    public sealed record Status(TaskCompletionSource<RunStatus> Reply) : RunInput;

    /// <summary>The run is to end now, without a checkpoint.</summary>
    public sealed record Abort : RunInput;
}
