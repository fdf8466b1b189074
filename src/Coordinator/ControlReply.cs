namespace DistTrain.Coordinator;

/// <summary>What became of a wish.</summary>
/// <param name="StepsDone">The steps behind the parameters then; of a checkpoint, those it holds.</param>
/// <param name="Failure">Why it could not be done; null if it was.</param>
/// <param name="Path">The checkpoint that was asked for; null if there is none, or it is unknown.</param>
public sealed record ControlReply(long StepsDone, string? Failure, string? Path = null);

/// <summary>What an operator may want of a run.</summary>
public enum ControlVerb
{
    /// <summary>Begin no further round.</summary>
    Pause,

    /// <summary>Go on.</summary>
    Resume,

    /// <summary>Save now; answered when it is durable.</summary>
    Checkpoint,

    /// <summary>End after this step with a checkpoint; answered when it is durable.</summary>
    Stop,
}
