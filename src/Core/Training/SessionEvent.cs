namespace DistTrain.Core.Training;

/// <summary>What happened.</summary>
public enum EventKind
{
    /// <summary>A worker is ready for leases.</summary>
    WorkerJoined,

    /// <summary>A worker is gone, whatever the reason; its leases are open again.</summary>
    WorkerLost,

    /// <summary>Another number of workers is expected before the first round.</summary>
    WorkersExpected,

    /// <summary>The partial of one node came from a worker.</summary>
    PartialArrived,

    /// <summary>A lease's deadline passed.</summary>
    DeadlinePassed,

    /// <summary>A worker gave a lease back undone, or its result was unusable.</summary>
    LeaseReturned,

    /// <summary>The parameters have been updated.</summary>
    StepCommitted,

    /// <summary>The update was refused, for example because the gradient is not finite.</summary>
    StepRefused,
}

/// <summary>One event.</summary>
public readonly record struct SessionEvent
{
    private SessionEvent(EventKind kind) => Kind = kind;

    /// <summary>What happened.</summary>
    public EventKind Kind { get; private init; }

    /// <summary>To which worker; of <see cref="EventKind.WorkersExpected"/> how many.</summary>
    public int Worker { get; private init; }

    /// <summary>The lease concerned.</summary>
    public long LeaseId { get; private init; }

    /// <summary>The round a partial belongs to.</summary>
    public Round Round { get; private init; }

    /// <summary>The node a partial covers.</summary>
    public ShardRange Node { get; private init; }

    /// <summary>Why.</summary>
    public string? Reason { get; private init; }

    /// <summary>A worker is ready for leases.</summary>
    public static SessionEvent WorkerJoined(int worker) => new(EventKind.WorkerJoined) { Worker = worker };

    /// <summary>A worker is gone.</summary>
    public static SessionEvent WorkerLost(int worker) => new(EventKind.WorkerLost) { Worker = worker };

    /// <summary>So many workers are expected before the first round, at least 1: some of those promised will not come. Ignored after it began.</summary>
    public static SessionEvent WorkersExpected(int count) => new(EventKind.WorkersExpected) { Worker = count };

    /// <summary>A partial came.</summary>
    public static SessionEvent PartialArrived(int worker, Round round, ShardRange node) =>
        new(EventKind.PartialArrived) { Worker = worker, Round = round, Node = node };

    /// <summary>A lease is late.</summary>
    public static SessionEvent DeadlinePassed(long leaseId) => new(EventKind.DeadlinePassed) { LeaseId = leaseId };

    /// <summary>A lease is open again: its worker gave it back, or the result came damaged. Ignored if the lease is not a current one.</summary>
    public static SessionEvent LeaseReturned(long leaseId) => new(EventKind.LeaseReturned) { LeaseId = leaseId };

    /// <summary>The update is done.</summary>
    public static SessionEvent StepCommitted() => new(EventKind.StepCommitted);

    /// <summary>The update was refused.</summary>
    public static SessionEvent StepRefused(string reason) => new(EventKind.StepRefused) { Reason = reason };
}
