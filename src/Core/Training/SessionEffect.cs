namespace DistTrain.Core.Training;

/// <summary>What the session says to a partial.</summary>
public enum PartialVerdict
{
    /// <summary>It counts: its sums are to be added.</summary>
    Counted,

    /// <summary>It is kept until another worker has computed the node too: <see cref="EffectKind.Settle"/> says what becomes of it.</summary>
    Held,

    /// <summary>The node needs it no more, or has it from this worker already; this one is dropped.</summary>
    Duplicate,

    /// <summary>It belongs to another round than the current one.</summary>
    Stale,

    /// <summary>No such node is asked for in this round.</summary>
    Malformed,

    /// <summary>It holds NaN or infinity: dropped, and the node is computed again.</summary>
    NotFinite,
}

/// <summary>What a session wants done, in this order.</summary>
public enum EffectKind
{
    /// <summary>Send the current parameters to <see cref="SessionEffect.Worker"/>.</summary>
    SendParameters,

    /// <summary>Hand <see cref="SessionEffect.Lease"/> to its worker and watch its deadline.</summary>
    Lease,

    /// <summary>Tell the worker that <see cref="SessionEffect.Lease"/> is no longer wanted.</summary>
    Revoke,

    /// <summary>Answer a partial with <see cref="SessionEffect.Verdict"/>; if it is counted, add its sums to the round's tree.</summary>
    AnswerPartial,

    /// <summary>Add the held partial of <see cref="SessionEffect.Node"/> by <see cref="SessionEffect.Worker"/>, and drop the others held of it.</summary>
    Settle,

    /// <summary>The worker computed wrongly: end its membership and do not take it again soon; <see cref="SessionEffect.Reason"/> says why.</summary>
    Quarantine,

    /// <summary>The same, for good: others have proved it to send wrong bits.</summary>
    Evict,

    /// <summary>All shards of the step are counted: reduce, check, update the parameters, and answer with StepCommitted or StepRefused.</summary>
    CommitStep,

    /// <summary>All shards of the evaluation are counted: its result is complete.</summary>
    CommitEvaluation,

    /// <summary>
    /// Copy the state, which is that after <see cref="TrainingSession.StepsDone"/> steps, and write it while the run goes on; answer with
    /// CheckpointSaved or CheckpointFailed. There is one such save at a time.
    /// </summary>
    SaveCheckpoint,

    /// <summary>The run has done all its steps and its last evaluation.</summary>
    Complete,

    /// <summary>The run was asked to stop; a checkpoint of this moment is durable if the session saves.</summary>
    Stop,

    /// <summary>The run cannot go on; <see cref="SessionEffect.Reason"/> says why.</summary>
    Fail,
}

/// <summary>One thing to do.</summary>
public readonly record struct SessionEffect(
    EffectKind Kind,
    int Worker = 0,
    Lease Lease = default,
    Round Round = default,
    ShardRange Node = default,
    PartialVerdict Verdict = default,
    string? Reason = null);
