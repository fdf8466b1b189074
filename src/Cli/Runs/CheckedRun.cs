using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>A run that is computed again to check it. Nothing is written into its directory.</summary>
/// <param name="Record">What it left.</param>
/// <param name="DatasetName">The data's name.</param>
/// <param name="DataDirectory">Where to look for it; null for the usual places.</param>
public sealed record CheckedRun(RecordedRun Record, string? DatasetName, string? DataDirectory)
{
    /// <summary>Reads run.json and the chain.</summary>
    /// <param name="path">The run directory, as the user wrote it.</param>
    /// <param name="values">The verb's options.</param>
    /// <param name="surroundings">For the place of relative paths.</param>
    /// <exception cref="InvalidInputException">There is no such run, or it cannot be read.</exception>
    public static CheckedRun Open(string path, SettingValues values, Surroundings surroundings)
    {
        var directory = RunDirectory.Open(surroundings.Resolve(path));
        if (!File.Exists(directory.RunPath))
        {
            throw new InvalidInputException($"{directory.FullPath} holds no run: it has no {RunDirectory.RunFileName}. 'disttrain train' prints where it puts its runs.");
        }

        var request = RunRequest.From(values.Over(ConfigFile.Read(directory.RunPath)), surroundings);
        var spec = request.ToRecordedSpec() ?? throw new InvalidInputException(
            $"{directory.RunPath} does not say with which data the run was made: 'dataset' must be a specification with its digest, as 'disttrain train' writes it.");
        return new CheckedRun(RecordedRun.Open(DiskFileSystem.Instance, directory.FullPath, spec), request.DatasetName, request.DataDirectory);
    }

    /// <summary>Finds and loads the data.</summary>
    /// <exception cref="InvalidInputException">It is not there, or other data than the run's.</exception>
    public async Task<Dataset> LoadAsync(Surroundings surroundings, CancellationToken cancellation)
    {
        var loaded = (await surroundings.Load(DatasetName, DataDirectory, cancellation).ConfigureAwait(false)).HoldOut(Record.Spec.Dataset.Holdout);
        try
        {
            Record.Spec.RequireData(loaded.Dataset);
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"{Record.Directory}: {e.Message} Name the right data with --data DIR.", e);
        }

        return loaded.Dataset;
    }

    /// <summary>Computes the run again, from its newest valid checkpoint at or before a version.</summary>
    /// <param name="version">Up to this one.</param>
    /// <param name="checkpointAtMost">The newest checkpoint to begin with.</param>
    /// <param name="dataset">From <see cref="LoadAsync"/>.</param>
    /// <param name="threads">To compute with.</param>
    /// <param name="surroundings">Takes warnings.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>There; the caller disposes of it.</returns>
    public Replayer Replay(long version, long checkpointAtMost, Dataset dataset, int threads, Surroundings surroundings, CancellationToken cancellation)
    {
        using var from = Record.NewestCheckpoint(checkpointAtMost, surroundings.Error.WriteLine);
        var replayer = new Replayer(Record, dataset, from?.Snapshot, threads);
        try
        {
            replayer.AdvanceTo(version, cancellation);
            return replayer;
        }
        catch
        {
            replayer.Dispose();
            throw;
        }
    }
}
