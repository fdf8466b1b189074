using DistTrain.Cli.Views;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>A run directory that this process holds: its files, its log and its journal.</summary>
public sealed class OpenRun : IDisposable
{
    private OpenRun(RunDirectory directory, RunLog log, RunJournal journal) => (Directory, Log, Journal) = (directory, log, journal);

    /// <summary>Where its files are.</summary>
    public RunDirectory Directory { get; }

    /// <summary>Its log.</summary>
    public RunLog Log { get; }

    /// <summary>Its checkpoints, chain and ledger.</summary>
    public RunJournal Journal { get; }

    /// <summary>Takes a directory over.</summary>
    /// <param name="directory">The run's.</param>
    /// <param name="view">Takes warnings.</param>
    /// <param name="keepCheckpoints">How many stay.</param>
    /// <param name="surroundings">For the clock.</param>
    /// <exception cref="InvalidInputException">Another process holds it, or it cannot be written to.</exception>
    public static OpenRun Open(RunDirectory directory, IRunView view, int keepCheckpoints, Surroundings surroundings)
    {
        var checkpoints = Path.Combine(directory.FullPath, RunJournal.CheckpointsName);
        if (File.Exists(checkpoints))
        {
            throw new InvalidInputException($"{checkpoints} is a file, where the run's checkpoints belong. Nothing was changed; move it away, and put the directory back if there was one.");
        }

        var log = RunLog.Open(directory.LogPath, view.Warn);
        try
        {
            var time = surroundings.Time;
            var since = time.GetTimestamp();
            var journal = RunJournal.Open(
                DiskFileSystem.Instance,
                directory.FullPath,
                new RunHolder(Environment.MachineName, Environment.ProcessId, surroundings.ProcessStart),
                new JournalOptions(keepCheckpoints, () => time.GetElapsedTime(since)),
                log.Warning);
            return new OpenRun(directory, log, journal);
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>The checkpoint that an existing run goes on from.</summary>
    /// <param name="named">The one to take; null for the newest valid one.</param>
    /// <returns>Null if the run was ended before its first.</returns>
    /// <exception cref="InvalidInputException">There are some, but none is valid; or the one named is not.</exception>
    public LoadedCheckpoint? FindCheckpoint(string? named)
    {
        if (named is not null)
        {
            var checkpoint = Journal.Store.Load(named);
            var steps = checkpoint.Snapshot.StepsDone;
            if (Journal.Store.NewestSteps is { } newest && newest > steps)
            {
                checkpoint.Dispose();
                throw new InvalidInputException(
                    $"The run in {Directory.FullPath} has gone on to step {newest}: going back to step {steps} would leave its records in two minds. Begin a run of its own there: --resume {named} --out DIR.");
            }

            return checkpoint;
        }

        return Journal.LoadNewest()
            ?? (Journal.Store.IsEmpty ? null : throw new InvalidInputException(
                $"None of the checkpoints in {Journal.Store.Directory} is valid (the log says why). Nothing was changed; begin again in another directory with --config {Directory.RunPath}."));
    }

    /// <summary>Takes word of where workers and operators reach the run.</summary>
    public void Announce(string address) => Journal.Lock.Announce(address);

    /// <inheritdoc/>
    public void Dispose()
    {
        Journal.Dispose();
        Log.Dispose();
    }
}
