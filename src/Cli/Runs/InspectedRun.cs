using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Health;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>A run as it is now, finished or going on, to be looked at. Nothing is locked or written.</summary>
/// <param name="Directory">Where it lies.</param>
/// <param name="Spec">What it computes.</param>
/// <param name="Dataset">Its data.</param>
/// <param name="Parameters">Its newest parameters.</param>
/// <param name="StepsDone">The steps behind them.</param>
internal sealed record InspectedRun(RunDirectory Directory, RunSpec Spec, Dataset Dataset, ParameterSet Parameters, long StepsDone) : IDisposable
{
    /// <summary>Opens a run.</summary>
    /// <param name="path">The run directory, as the user wrote it.</param>
    /// <param name="values">The verb's options.</param>
    /// <param name="surroundings">For files, data and warnings.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="InvalidInputException">There is no such run, or it has no parameters yet.</exception>
    public static async Task<InspectedRun> LoadAsync(string path, SettingValues values, Surroundings surroundings, CancellationToken cancellation)
    {
        var directory = RunDirectory.Open(surroundings.Resolve(path));
        if (!File.Exists(directory.RunPath))
        {
            throw new InvalidInputException($"{directory.FullPath} holds no run: it has no {RunDirectory.RunFileName}. 'disttrain train' prints where it puts its runs.");
        }

        var request = RunRequest.From(values.Over(ConfigFile.Read(directory.RunPath)), surroundings);
        var loaded = await request.LoadAsync(surroundings, cancellation).ConfigureAwait(false);
        var spec = request.ToSpec(loaded.Dataset);
        var (parameters, steps) = ReadParameters(directory, spec, surroundings);
        return new InspectedRun(directory, spec, loaded.Dataset, parameters, steps);
    }

    /// <summary>Looks at it.</summary>
    public (HealthEvidence Evidence, IReadOnlyList<HealthFinding> Findings) Judge()
    {
        using var initial = Spec.Model.InitialParameters(Spec.Seed);
        var (losses, failure) = ReadMetrics();
        var evidence = HealthCheck.Gather(Spec, initial, Parameters, StepsDone, Dataset, losses, failure);
        return (evidence, HealthRules.Find(evidence));
    }

    /// <inheritdoc/>
    public void Dispose() => Parameters.Dispose();

    /// <summary>Of the newest checkpoint, which a run saves on its way and at its end; else of the result, which may have been copied alone.</summary>
    private static (ParameterSet Parameters, long Steps) ReadParameters(RunDirectory directory, RunSpec spec, Surroundings surroundings)
    {
        var parameters = new ParameterSet(spec.Model.ParameterLayout());
        try
        {
            var store = new CheckpointStore(DiskFileSystem.Instance, Path.Combine(directory.FullPath, RunJournal.CheckpointsName));
            using var checkpoint = store.LoadNewest(surroundings.Tell);
            if (checkpoint is not null)
            {
                if (checkpoint.Snapshot.Parameters.Values.Length != parameters.Values.Length)
                {
                    throw new InvalidInputException($"{checkpoint.Path} is of another model than {directory.RunPath}.");
                }

                checkpoint.Snapshot.Parameters.Values.CopyTo(parameters.Values);
                return (parameters, checkpoint.Snapshot.StepsDone);
            }

            if (!File.Exists(directory.ParametersPath))
            {
                throw new InvalidInputException(
                    $"{directory.FullPath} has neither a valid checkpoint nor {RunDirectory.ParametersFileName} yet: wait for its first checkpoint ('disttrain checkpoint' asks for one).");
            }

            SafeTensors.ReadInto(directory.ParametersPath, parameters.Layout, parameters.Values);
            return (parameters, spec.TotalSteps);
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <summary>What the run reported of its training loss, and why it failed, if that is the last it said.</summary>
    private (IReadOnlyList<double?> Losses, string? Failure) ReadMetrics()
    {
        var losses = new List<double?>();
        string? failure = null;
        try
        {
            foreach (var happened in Directory.ReadMetrics())
            {
                failure = happened is Failed failed ? failed.Reason : null;
                if (happened is Progress or EpochDone)
                {
                    losses.Add(happened is Progress progress ? progress.TrainLoss : ((EpochDone)happened).TrainLoss);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{Directory.MetricsPath} cannot be read: {e.Message}", e);
        }

        return (losses, failure);
    }
}
