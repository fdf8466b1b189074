using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>How a save ended.</summary>
public enum SaveOutcome
{
    /// <summary>The checkpoint is durable.</summary>
    Saved,

    /// <summary>Parameters or optimizer are not all finite: nothing was written, and no later save of this course can do better.</summary>
    NotFinite,

    /// <summary>Another process has taken the run over: this one must stop.</summary>
    Superseded,

    /// <summary>The disk is full or fails. Earlier checkpoints are untouched; the next save tries again.</summary>
    DiskFailed,
}

/// <summary>What became of a save.</summary>
/// <param name="StepsDone">The steps behind the parameters.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Path">The checkpoint; null if there is none.</param>
/// <param name="Failure">What went wrong, for the user; null if nothing did.</param>
/// <param name="Duration">From <see cref="RunJournal.BeginSave"/> until it was durable or had failed, by <see cref="JournalOptions.Clock"/>.</param>
public sealed record SaveResult(long StepsDone, SaveOutcome Outcome, string? Path, string? Failure, TimeSpan Duration)
{
    /// <summary>What to tell the session.</summary>
    public SessionEvent ToEvent() => Outcome == SaveOutcome.Saved
        ? SessionEvent.CheckpointSaved(StepsDone)
        : SessionEvent.CheckpointFailed(StepsDone, Failure!, isFatal: Outcome == SaveOutcome.Superseded);
}

/// <summary>How a journal is kept.</summary>
/// <param name="KeepCheckpoints">How many valid checkpoints stay, at least 1; default 3.</param>
/// <param name="Clock">A clock that only rises, for durations; null leaves them 0.</param>
public sealed record JournalOptions(int KeepCheckpoints = 3, Func<TimeSpan>? Clock = null);
