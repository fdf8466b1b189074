using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>A checkpoint that has been read and found whole.</summary>
/// <param name="Snapshot">What the run goes on from.</param>
/// <param name="Incarnation">Of the coordinator that saved it.</param>
/// <param name="Path">Its directory.</param>
public sealed record LoadedCheckpoint(TrainingSnapshot Snapshot, ulong Incarnation, string Path) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Snapshot.Dispose();
}

/// <summary>A snapshot holds NaN or infinity; it has not been saved. The message says where.</summary>
public sealed class NotFiniteException(string message) : Exception(message);
