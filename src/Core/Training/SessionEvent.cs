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

    /// <summary>How fast a worker is was measured anew.</summary>
    SpeedMeasured,

    /// <summary>The parameters have been updated.</summary>
    StepCommitted,

    /// <summary>The update was refused, for example because the gradient is not finite.</summary>
    StepRefused,

    /// <summary>A checkpoint is wanted as soon as possible.</summary>
    SaveAsked,

    /// <summary>A checkpoint is durable.</summary>
    CheckpointSaved,

    /// <summary>A checkpoint could not be written; older ones are as they were.</summary>
    CheckpointFailed,

    /// <summary>No round is to begin until <see cref="ResumeAsked"/>.</summary>
    PauseAsked,

    /// <summary>Rounds may begin again.</summary>
    ResumeAsked,

    /// <summary>The run is to end after this step, with a checkpoint.</summary>
    StopAsked,

    /// <summary>The run is to end now, with a checkpoint of the last step that was finished: this one takes too long.</summary>
    StopUrged,
}

/// <summary>One event.</summary>
public readonly record struct SessionEvent
{
    private SessionEvent(EventKind kind) => Kind = kind;

    /// <summary>What happened.</summary>
    public EventKind Kind { get; private init; }

    /// <summary>To which worker; of <see cref="EventKind.WorkersExpected"/> how many.</summary>
    public int Worker { get; private init; }

    /// <summary>The worker's name: the same for the same worker when it comes again.</summary>
    public string? Name { get; private init; }

    /// <summary>Whether the worker was lost by a crash, not in order.</summary>
    public bool IsCrash { get; private init; }

    /// <summary>Whether nothing may be written any more: another coordinator has taken the run over.</summary>
    public bool IsFatal { get; private init; }

    /// <summary>The lease concerned.</summary>
    public long LeaseId { get; private init; }

    /// <summary>The round a partial belongs to.</summary>
    public Round Round { get; private init; }

    /// <summary>The node a partial covers.</summary>
    public ShardRange Node { get; private init; }

    /// <summary>Whether everything in a partial is finite.</summary>
    public bool IsFinite { get; private init; }

    /// <summary>Stands for the bits of a partial.</summary>
    public UInt128 Fingerprint { get; private init; }

    /// <summary>The worker's speed.</summary>
    public WorkerSpeed Speed { get; private init; }

    /// <summary>The steps that a checkpoint holds.</summary>
    public long Steps { get; private init; }

    /// <summary>Why.</summary>
    public string? Reason { get; private init; }

    /// <summary>A worker is ready for leases.</summary>
    /// <param name="worker">Its id, never used before.</param>
    /// <param name="name">Its name, if it has one that outlives the id.</param>
    public static SessionEvent WorkerJoined(int worker, string? name = null) => new(EventKind.WorkerJoined) { Worker = worker, Name = name };

    /// <summary>A worker is gone.</summary>
    /// <param name="worker">Who.</param>
    /// <param name="isCrash">Without a goodbye.</param>
    public static SessionEvent WorkerLost(int worker, bool isCrash = false) => new(EventKind.WorkerLost) { Worker = worker, IsCrash = isCrash };

    /// <summary>So many workers are expected before the first round, at least 1: some of those promised will not come. Ignored after it began.</summary>
    public static SessionEvent WorkersExpected(int count) => new(EventKind.WorkersExpected) { Worker = count };

    /// <summary>A partial came.</summary>
    /// <param name="worker">From whom.</param>
    /// <param name="round">Of which round.</param>
    /// <param name="node">The node it covers.</param>
    /// <param name="leaseId">The lease it was computed for.</param>
    /// <param name="isFinite">Whether its gradient and loss are.</param>
    /// <param name="fingerprint">Stands for its bits where <see cref="TrainingSession.IsAudited"/>; else ignored.</param>
    public static SessionEvent PartialArrived(
        int worker, Round round, ShardRange node, long leaseId = 0, bool isFinite = true, UInt128 fingerprint = default) =>
        new(EventKind.PartialArrived) { Worker = worker, Round = round, Node = node, LeaseId = leaseId, IsFinite = isFinite, Fingerprint = fingerprint };

    /// <summary>A lease is late.</summary>
    public static SessionEvent DeadlinePassed(long leaseId) => new(EventKind.DeadlinePassed) { LeaseId = leaseId };

    /// <summary>A lease is open again: its worker gave it back, or the result came damaged. Ignored if the lease is not a current one.</summary>
    public static SessionEvent LeaseReturned(long leaseId) => new(EventKind.LeaseReturned) { LeaseId = leaseId };

    /// <summary>A worker's speed, for the ranges of the next rounds.</summary>
    public static SessionEvent SpeedMeasured(int worker, WorkerSpeed speed) => new(EventKind.SpeedMeasured) { Worker = worker, Speed = speed };

    /// <summary>The update is done.</summary>
    public static SessionEvent StepCommitted() => new(EventKind.StepCommitted);

    /// <summary>The update was refused.</summary>
    public static SessionEvent StepRefused(string reason) => new(EventKind.StepRefused) { Reason = reason };

    /// <summary>A checkpoint is wanted.</summary>
    public static SessionEvent SaveAsked() => new(EventKind.SaveAsked);

    /// <summary>The checkpoint after so many steps is durable.</summary>
    public static SessionEvent CheckpointSaved(long steps) => new(EventKind.CheckpointSaved) { Steps = steps };

    /// <summary>The checkpoint after so many steps could not be written.</summary>
    /// <param name="steps">Those asked for.</param>
    /// <param name="reason">Why.</param>
    /// <param name="isFatal">Another has taken the run over, so this one must end.</param>
    public static SessionEvent CheckpointFailed(long steps, string reason, bool isFatal = false) =>
        new(EventKind.CheckpointFailed) { Steps = steps, Reason = reason, IsFatal = isFatal };

    /// <summary>Begin no round.</summary>
    public static SessionEvent PauseAsked() => new(EventKind.PauseAsked);

    /// <summary>Go on.</summary>
    public static SessionEvent ResumeAsked() => new(EventKind.ResumeAsked);

    /// <summary>End after this step.</summary>
    public static SessionEvent StopAsked() => new(EventKind.StopAsked);

    /// <summary>End without this step.</summary>
    public static SessionEvent StopUrged() => new(EventKind.StopUrged);
}
