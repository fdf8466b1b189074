using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// What a run leaves behind while it trains, called by whoever carries out the session's effects, on the thread that trains: be quick.
/// </summary>
public interface IRunRecorder
{
    /// <summary>Told how each save ended, on any thread; the next may begin by then. Add to it.</summary>
    Action<SaveResult>? Saved { get; set; }

    /// <summary>Whether the checkpoint after so many steps is among this run's own: it may have gone on from another's.</summary>
    bool Holds(long steps);

    /// <summary>The run begins, or goes on, with this state. First, and once.</summary>
    void Begin(TrainingState state);

    /// <summary>The partial of a node was counted for a step.</summary>
    void Count(long step, ShardRange node, int worker);

    /// <summary>A step is done; <paramref name="state"/> is that after it.</summary>
    void StepDone(TrainingState state);

    /// <summary>Copies the state and writes it while the run goes on. Only when no other save is in flight; <see cref="Saved"/> says how it ended.</summary>
    void BeginSave(TrainingState state);
}
