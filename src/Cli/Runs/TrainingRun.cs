using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Cli.Views;
using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>What carries out a run needs.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Dataset">Its data.</param>
/// <param name="Directory">Its directory.</param>
/// <param name="Reporter">Told what happens.</param>
/// <param name="Log">The log.</param>
public sealed record RunContext(RunSpec Spec, Dataset Dataset, RunDirectory Directory, RunReporter Reporter, RunLog Log);

/// <summary>A run from its options to its files, whoever computes it.</summary>
public static class TrainingRun
{
    /// <summary>Checks the options, loads the data, makes the run directory, trains, and leaves the parameters there.</summary>
    /// <param name="call">The verb's options.</param>
    /// <param name="workers">Processes that compute; 0 for this one.</param>
    /// <param name="threads">Of each.</param>
    /// <param name="train">Carries out the run; the state it returns is disposed of here.</param>
    public static async Task<int> RunAsync(VerbCall call, int workers, int threads, Func<RunContext, Task<TrainingState>> train)
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
        var directory = RunDirectory.Create(path ?? RunDirectory.DefaultPath(spec, surroundings));
        using var view = CreateView(values.Get(CommonOptions.Json, false), surroundings);
        using var log = RunLog.Open(directory.LogPath, view.Warn);
        call.LogPath = directory.LogPath;
        using var reporter = new RunReporter(spec, directory, view, surroundings, workers, threads);
        try
        {
            directory.WriteRun(spec, request.DataDirectory);
            log.Information($"disttrain {ProductVersion.Text}. {loaded.Origin}");
            using var state = await train(new RunContext(spec, loaded.Dataset, directory, reporter, log)).ConfigureAwait(false);
            directory.WriteParameters(state.Parameters);
            reporter.Complete(state);
            log.Information("The run is complete.");
            return ExitCode.Done;
        }
        catch (Exception e)
        {
            var failure = Failure.Of(e, call);
            log.Failure(e, failure.Reason);
            reporter.Fail(failure.Reason, failure.ExitCode);
            throw;
        }
    }

    private static IRunView CreateView(bool json, Surroundings surroundings) =>
        json ? new JsonView(surroundings)
        : surroundings.IsTerminal ? LiveView.OnTerminal()
        : new PlainView(surroundings);
}
