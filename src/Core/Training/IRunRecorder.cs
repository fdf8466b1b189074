namespace DistTrain.Core.Training;

/// <summary>What a run leaves behind while it trains, called by whoever carries out the session's effects, on the thread that trains: be quick.</summary>
public interface IRunRecorder
{
    /// <summary>The partial of a node was counted for a step.</summary>
    void Count(long step, ShardRange node, int worker);

    /// <summary>A step is done; <paramref name="state"/> is that after it.</summary>
    void StepDone(TrainingState state);

    /// <summary>Copies the state and writes it while the run goes on. Only when no other save is in flight; the outcome comes by another way.</summary>
    void BeginSave(TrainingState state);
}
