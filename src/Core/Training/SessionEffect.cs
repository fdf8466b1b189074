namespace DistTrain.Core.Training;

/// <summary>What the session says to a partial.</summary>
public enum PartialVerdict
{
    /// <summary>It counts: its sums are to be added.</summary>
    Counted,

    /// <summary>The node has been counted already; both are equal, this one is dropped.</summary>
    Duplicate,

    /// <summary>It belongs to another round than the current one.</summary>
    Stale,

    /// <summary>No such node is asked for in this round.</summary>
    Malformed,
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

    /// <summary>All shards of the step are counted: reduce, check, update the parameters, and answer with StepCommitted or StepRefused.</summary>
    CommitStep,

    /// <summary>All shards of the evaluation are counted: its result is complete.</summary>
    CommitEvaluation,

    /// <summary>The run has done all its steps and its last evaluation.</summary>
    Complete,

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
