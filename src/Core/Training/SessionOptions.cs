namespace DistTrain.Core.Training;

/// <summary>How a session deals with workers and checkpoints. Nothing here changes a bit of the result.</summary>
/// <param name="WorkersToStart">The first round begins when so many workers have joined; at least 1.</param>
/// <param name="MinimumWorkers">A later round begins only with so many; at least 1. A round once begun goes on with whoever is there.</param>
/// <param name="AuditShare">Of the nodes leased out, the share that a second worker computes as well, 0 to 1; the two must agree bit by bit.</param>
/// <param name="Saves">Whether somebody carries out <see cref="EffectKind.SaveCheckpoint"/>.</param>
/// <param name="CheckpointSteps">Save after each multiple of so many steps; 0 for no such rule.</param>
public sealed record SessionOptions(
    int WorkersToStart = 1, int MinimumWorkers = 1, double AuditShare = 0, bool Saves = false, long CheckpointSteps = 0)
{
    /// <summary>Checks ranges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is outside its range.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(WorkersToStart, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MinimumWorkers, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(CheckpointSteps);
        if (AuditShare is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(AuditShare), AuditShare, "A share is a number from 0 to 1.");
        }
    }
}
