using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Cli.Views;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>What carries out a run needs.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Dataset">Its data.</param>
/// <param name="Directory">Its directory.</param>
/// <param name="Reporter">Told what happens.</param>
/// <param name="Log">The log.</param>
/// <param name="DataDirectory">What --data says, as a full path; null if it says nothing.</param>
public sealed record RunContext(
    RunSpec Spec, Dataset Dataset, RunDirectory Directory, RunReporter Reporter, RunLog Log, string? DataDirectory);

/// <summary>A run from its options to its files, whoever computes it.</summary>
public static class TrainingRun
{
    /// <summary>Checks the options, loads the data, makes the run directory, trains, and leaves the parameters there.</summary>
    /// <param name="call">The verb's options.</param>
    /// <param name="workers">Processes that compute; 0 for this one.</param>
    /// <param name="threads">Of each; null if each worker decides for itself.</param>
    /// <param name="train">Carries out the run; the state it returns is disposed of here.</param>
    public static async Task<int> RunAsync(VerbCall call, int workers, int? threads, Func<RunContext, Task<TrainingState>> train)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var request = RunRequest.From(values, surroundings);
        var path = values.FindText(CommonOptions.Out) is { } text ? surroundings.Resolve(text) : null;
        if (path is not null)
        {
            RunDirectory.RequireUsable(path);
        }

        var loaded = await surroundings.Load(request.DatasetName, request.DataDirectory, call.Stop.Token).ConfigureAwait(false);
        var spec = request.ToSpec(loaded.Dataset);
        var directory = path is null ? RunDirectory.CreateFree(RunDirectory.DefaultPath(spec, surroundings)) : RunDirectory.Create(path);
        using var view = CreateView(values, surroundings);
        var hasBegun = false;
        try
        {
            return await RunIn(directory).ConfigureAwait(false);
        }
        catch (InvalidInputException) when (!hasBegun)
        {
            // Nothing has happened in it that anybody could miss, and the corrected command wants to use it.
            directory.Discard();
            throw;
        }

        async Task<int> RunIn(RunDirectory directory)
        {
            using var log = RunLog.Open(directory.LogPath, view.Warn);
            using var reporter = new RunReporter(spec, directory, view, surroundings, workers, threads);
            call.LogPath = directory.LogPath;
            try
            {
                directory.WriteRun(spec, request.DataDirectory);
                log.Information($"disttrain {ProductVersion.Text}. {loaded.Origin}");
                using var state = await train(new RunContext(spec, loaded.Dataset, directory, reporter, log, request.DataDirectory)).ConfigureAwait(false);
                directory.WriteParameters(state.Parameters);
                reporter.Complete(state);
                log.Information("The run is complete.");
                return ExitCode.Done;
            }
            catch (Exception e)
            {
                hasBegun = reporter.HasStarted;
                var failure = Failure.Of(e, call);
                log.Failure(failure.IsForeseen ? null : e, failure.Reason);
                reporter.Fail(failure.Reason, failure.ExitCode);
                throw;
            }
        }
    }

    private static IRunView CreateView(SettingValues values, Surroundings surroundings) =>
        values.Get(CommonOptions.Json, false) ? new JsonView(surroundings) { Interval = values.Get(CommonOptions.ProgressInterval, TimeSpan.FromSeconds(2)) }
        : surroundings.IsTerminal ? LiveView.OnTerminal()
        : new PlainView(surroundings);
}
