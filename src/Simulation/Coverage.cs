namespace DistTrain.Simulation;

/// <summary>What a simulated world does to a run.</summary>
public enum FaultKind
{
    /// <summary>A worker's process dies; its connections close.</summary>
    WorkerCrash,

    /// <summary>A worker's machine dies: nothing closes its connections.</summary>
    WorkerMachineLost,

    /// <summary>A worker is stopped and goes on later.</summary>
    WorkerPause,

    /// <summary>A worker is many times slower for a while.</summary>
    WorkerSlow,

    /// <summary>A worker is asked to leave in order.</summary>
    WorkerLeaves,

    /// <summary>A worker dies with each first lease, several times in a row.</summary>
    WorkerCrashLoop,

    /// <summary>One partial holds NaN.</summary>
    NotFinite,

    /// <summary>A worker computes wrong bits and signs them.</summary>
    Liar,

    /// <summary>A worker of another build wants to join.</summary>
    WrongBuild,

    /// <summary>A connection is reset; what is on its way is lost.</summary>
    Reset,

    /// <summary>Nothing passes between a worker and everybody else for a while.</summary>
    Partition,

    /// <summary>Nothing passes in one direction.</summary>
    OneWayPartition,

    /// <summary>Messages take much longer for a while.</summary>
    Delay,

    /// <summary>A partial is sent again on the same connection.</summary>
    DuplicatePartial,

    /// <summary>A partial of long ago is sent again, perhaps over another connection.</summary>
    LatePartial,

    /// <summary>A bit of a partial flips on its way.</summary>
    BitFlipUp,

    /// <summary>A bit of the parameters flips on its way.</summary>
    BitFlipDown,

    /// <summary>The coordinator's process dies.</summary>
    CoordinatorCrash,

    /// <summary>The coordinator's machine loses power: what was not flushed is lost or torn.</summary>
    PowerCut,

    /// <summary>The coordinator dies in the middle of what it does with the disk.</summary>
    CrashInDiskOperation,

    /// <summary>The coordinator is stopped and goes on later.</summary>
    CoordinatorPause,

    /// <summary>Another coordinator takes the run over while the first one still runs.</summary>
    SecondCoordinator,

    /// <summary>The disk is full for a while.</summary>
    DiskFull,

    /// <summary>A flush to disk fails.</summary>
    FlushFails,

    /// <summary>The disk takes seconds for a save.</summary>
    SlowDisk,

    /// <summary>The bytes of the newest checkpoint change, or some of them are gone.</summary>
    DamagedCheckpoint,

    /// <summary>An operator pauses the run and resumes it.</summary>
    OperatorPause,

    /// <summary>An operator wants a checkpoint.</summary>
    OperatorCheckpoint,

    /// <summary>An operator stops the run and starts it again.</summary>
    OperatorStop,
}

/// <summary>What the rules of coordinator and worker do about it.</summary>
public enum RecoveryBranch
{
    /// <summary>Shards of a lost worker are leased again in the same round.</summary>
    LeaseReissued,

    /// <summary>A late lease is given to an idle worker too.</summary>
    BackupLease,

    /// <summary>A lease that others have completed is revoked.</summary>
    LeaseRevoked,

    /// <summary>A partial is answered as a duplicate.</summary>
    DuplicateAnswered,

    /// <summary>A partial is answered as stale.</summary>
    StaleAnswered,

    /// <summary>A partial of an older incarnation is answered as such.</summary>
    WrongIncarnationAnswered,

    /// <summary>A damaged partial is answered as such, and its lease granted again.</summary>
    DamagedPartialAnswered,

    /// <summary>A worker gives a lease back, since its parameters came damaged or not at all.</summary>
    LeaseReturned,

    /// <summary>A partial with NaN is dropped and computed again.</summary>
    NotFiniteAnswered,

    /// <summary>A worker that sent NaN is sent away for a time.</summary>
    Quarantined,

    /// <summary>A partial is held for a second opinion.</summary>
    HeldForAudit,

    /// <summary>A worker that lied is sent away for good.</summary>
    Evicted,

    /// <summary>A worker that is sent away is refused when it comes again.</summary>
    QuarantineRefused,

    /// <summary>A worker that computes other bits is refused at its hello.</summary>
    KnownAnswerRefused,

    /// <summary>A worker that crashes again and again must wait.</summary>
    CrashLoopQuarantined,

    /// <summary>A silent worker is declared dead.</summary>
    DeadBySilence,

    /// <summary>A worker that does not read is dropped.</summary>
    DroppedBySendDeadline,

    /// <summary>A worker leaves in order.</summary>
    LeftInOrder,

    /// <summary>A worker learns from its heartbeat that it is not known any more.</summary>
    HeartbeatUnknown,

    /// <summary>A worker gives up a coordinator that does not answer its heartbeats.</summary>
    HeartbeatSilent,

    /// <summary>A worker finds its coordinator again by itself.</summary>
    Reattached,

    /// <summary>A worker gets the dataset from the coordinator.</summary>
    DatasetSent,

    /// <summary>A coordinator goes on from the newest checkpoint.</summary>
    ResumedFromNewest,

    /// <summary>A coordinator passes a damaged checkpoint over and goes on from an older one.</summary>
    ResumedFromOlder,

    /// <summary>A coordinator begins at step 0 since nothing was saved.</summary>
    StartedAgain,

    /// <summary>What a save left behind half done is cleaned away.</summary>
    TemporariesCleaned,

    /// <summary>A coordinator is refused since another holds the run.</summary>
    LockRefused,

    /// <summary>A coordinator finds itself fenced off and ends.</summary>
    Fenced,

    /// <summary>A save failed.</summary>
    SaveFailed,

    /// <summary>A save succeeded after one that failed.</summary>
    SaveRecovered,

    /// <summary>The run was stopped with a checkpoint, and went on from it.</summary>
    StoppedAndResumed,

    /// <summary>The run was paused between two rounds, and went on.</summary>
    PausedAndResumed,

    /// <summary>The run waited for more workers.</summary>
    WaitedForWorkers,

    /// <summary>The run ended for want of workers, and was started again.</summary>
    GaveUpWaiting,
}

/// <summary>How often each fault struck and each way of recovery was taken.</summary>
public sealed class Coverage
{
    private readonly long[] _faults = new long[Enum.GetValues<FaultKind>().Length];
    private readonly long[] _branches = new long[Enum.GetValues<RecoveryBranch>().Length];

    /// <summary>How often a fault struck.</summary>
    public long this[FaultKind kind] => _faults[(int)kind];

    /// <summary>How often a way of recovery was taken.</summary>
    public long this[RecoveryBranch branch] => _branches[(int)branch];

    /// <summary>Those that never happened, by name.</summary>
    public IEnumerable<string> Missing =>
        Enum.GetValues<FaultKind>().Where(kind => this[kind] == 0).Select(kind => kind.ToString())
            .Concat(Enum.GetValues<RecoveryBranch>().Where(branch => this[branch] == 0).Select(branch => branch.ToString()));

    /// <summary>Adds what another run has covered.</summary>
    public void Add(Coverage other)
    {
        for (var i = 0; i < _faults.Length; i++) _faults[i] += other._faults[i];
        for (var i = 0; i < _branches.Length; i++) _branches[i] += other._branches[i];
    }

    internal void Struck(FaultKind kind) => _faults[(int)kind]++;

    internal void Took(RecoveryBranch branch) => _branches[(int)branch]++;
}
