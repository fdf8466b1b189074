using System.Text;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Cli.Views;
using DistTrain.Cli.Web;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>What carries out a run needs.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Dataset">Its data.</param>
/// <param name="Run">Its directory, log and journal.</param>
/// <param name="From">Where it goes on; null for step 0.</param>
/// <param name="Checkpoints">When to save.</param>
/// <param name="Reporter">Told what happens.</param>
/// <param name="DataDirectory">What --data says, as a full path; null if it says nothing.</param>
public sealed record RunContext(
    RunSpec Spec, Dataset Dataset, OpenRun Run, TrainingSnapshot? From, CheckpointRule Checkpoints, RunReporter Reporter, string? DataDirectory);

/// <summary>A run from its options to its files, whoever computes it.</summary>
public sealed class TrainingRun : IDisposable
{
    /// <summary>What a finished run may take for the predictions in its report: a fifth of its time, and at most this.</summary>
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);

    private const int PartsForALook = 5;

    private readonly VerbCall _call;
    private readonly RunOrigin _origin;
    private readonly IRunView _view;
    private OpenRun? _run;
    private LoadedCheckpoint? _checkpoint;

    private TrainingRun(VerbCall call)
    {
        _call = call;
        _origin = RunOrigin.From(call.Values, call.Surroundings);
        _view = CreateView(call.Values, call.Surroundings);
    }

    /// <summary>Checks the options, loads the data, takes the run directory, trains, and leaves the parameters there.</summary>
    /// <param name="call">The verb's options.</param>
    /// <param name="workers">Processes that compute; 0 for this one.</param>
    /// <param name="threads">Of each; null if each worker decides for itself.</param>
    /// <param name="train">Carries out the run; the state it returns is disposed of here.</param>
    public static async Task<int> RunAsync(VerbCall call, int workers, int? threads, Func<RunContext, Task<TrainingState>> train)
    {
        // Read before anything is done, so that a wrong value costs nothing.
        call.Values.Get(CommonOptions.CheckpointEvery, CheckpointRule.Default);
        call.Values.Get(CommonOptions.KeepCheckpoints, CommonOptions.DefaultKeepCheckpoints);
        call.Values.Get(CommonOptions.Report, true);
        call.Values.Get(CommonOptions.Dashboard, null);
        using var run = new TrainingRun(call);
        return await run.RunAsync(workers, threads, train).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _checkpoint?.Dispose();
        _run?.Dispose();
        _view.Dispose();
    }

    private async Task<int> RunAsync(int workers, int? threads, Func<RunContext, Task<TrainingState>> train)
    {
        var surroundings = _call.Surroundings;
        var request = RunRequest.From(TakeUp(), surroundings);
        var warmUp = workers == 0 ? WarmUp.Begin(request, surroundings.Cores) : WarmUp.BeginForWorkers(surroundings.Cores);
        var loaded = await request.LoadAsync(surroundings, _call.Stop.Token).ConfigureAwait(false);
        await warmUp.ConfigureAwait(false);
        var spec = request.ToSpec(loaded.Dataset);
        RequireSameRun(spec);
        // Without workers no server, and none of its code.
        var watched = workers > 0 ? await WatchAsync().ConfigureAwait(false) : null;
        try
        {
            return await RunAsync(spec, loaded, request, workers, threads, watched, train).ConfigureAwait(false);
        }
        finally
        {
            if (watched is not null)
            {
                await watched.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private Task<WatchedRun?> WatchAsync() => WatchedRun.StartAsync(_call);

    private async Task<int> RunAsync(
        RunSpec spec, ResolvedDataset loaded, RunRequest request, int workers, int? threads, WatchedRun? watched, Func<RunContext, Task<TrainingState>> train)
    {
        var isNew = _run is null;
        _run ??= Open(_origin.Path is { } path ? RunDirectory.Create(path) : RunDirectory.CreateFree(RunDirectory.DefaultPath(spec, _call.Surroundings)));
        _call.LogPath = _run.Directory.LogPath;
        var hasBegun = false;
        try
        {
            using var looks = watched is null ? null : Show(watched.Feed, spec, loaded.Dataset, workers);
            using var reporter = new RunReporter(spec, _run.Directory, _view, _call.Surroundings, workers, threads, _checkpoint?.Snapshot.StepsDone)
            {
                Feed = watched?.Feed,
                Dashboard = watched?.Address,
                Also = looks,
            };
            try
            {
                _run.Directory.WriteRun(spec, request.DataDirectory);
                _run.Log.Information($"disttrain {ProductVersion.Text}. {loaded.Origin}");
                return await TrainAsync(spec, loaded.Dataset, request.DataDirectory, workers, reporter, train).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                hasBegun = reporter.HasStarted;
                Report(e, reporter);
                if (hasBegun)
                {
                    WriteReport(reporter, spec, workers);
                }

                throw;
            }
        }
        catch (InvalidInputException) when (isNew && !hasBegun)
        {
            // Nothing has happened in it that anybody could miss, and the corrected command wants to use it.
            var directory = _run.Directory;
            _run.Dispose();
            _run = null;
            directory.Discard();
            throw;
        }
    }

    private async Task<int> TrainAsync(
        RunSpec spec, Dataset dataset, string? dataDirectory, int workers, RunReporter reporter, Func<RunContext, Task<TrainingState>> train)
    {
        var run = _run!;
        if (_checkpoint is { } from)
        {
            run.Log.Information($"It goes on from {from.Path}, after step {from.Snapshot.StepsDone}.");
        }

        foreach (var warning in spec.Warnings())
        {
            run.Log.Warning(warning);
        }

        run.Journal.Saved += reporter.Saved;
        try
        {
            using var state = await train(new RunContext(
                spec, dataset, run, _checkpoint?.Snapshot, _call.Values.Get(CommonOptions.CheckpointEvery, CheckpointRule.Default), reporter, dataDirectory))
                .ConfigureAwait(false);
            run.Directory.WriteParameters(state.Parameters);
            reporter.Complete(state);
            run.Log.Information("The run is complete.");
            WriteReport(reporter, spec, workers, (state, dataset.Test));
            return ExitCode.Done;
        }
        catch (RunStoppedException stopped)
        {
            reporter.Stop(stopped.StepsDone, ExitCode.Checkpointed);
            run.Log.Information(stopped.Message);
            WriteReport(reporter, spec, workers);
            return ExitCode.Checkpointed;
        }
        finally
        {
            run.Journal.WaitForSave();
            run.Journal.Saved -= reporter.Saved;
        }
    }

    /// <summary>Gives those who watch what there is already, and has what comes shown to them.</summary>
    private TestLooks Show(RunFeed feed, RunSpec spec, Dataset dataset, int workers)
    {
        var run = _run!;
        try
        {
            foreach (var happened in run.Directory.ReadMetrics())
            {
                feed.Show(happened);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            run.Log.Warning($"What the run has done so far is not shown in the dashboard: {e.Message}");
        }

        feed.Show(Specification.Of(spec, run.Directory, workers));
        run.Log.Tail = feed.Warn;
        return new TestLooks(spec, dataset.Test, _call.Surroundings.Time, () => feed.ReaderCount > 0, feed.Show, e => run.Log.Failure(e, "What the network makes of the test samples is not shown any more."));
    }

    /// <summary>A run is worth more than its report: nothing that goes wrong with that changes how it has ended.</summary>
    /// <param name="reporter">Has told the rest.</param>
    /// <param name="spec">The run.</param>
    /// <param name="workers">As asked for.</param>
    /// <param name="end">What it came to, and the test samples; null if it came to nothing.</param>
    private void WriteReport(RunReporter reporter, RunSpec spec, int workers, (TrainingState State, LabeledImages Test)? end = null)
    {
        var run = _run!;
        var isWanted = _call.Values.Get(CommonOptions.Report, true);
        try
        {
            var looks = end is { } result && (isWanted || reporter.Feed is { ReaderCount: > 0 }) ? Look(result.State, result.Test) : [];
            foreach (var look in looks)
            {
                reporter.Feed?.Show(look);
            }

            if (isWanted)
            {
                RunReport.Write(run.Directory.ReportPath, RunReport.Of(run.Directory, [Specification.Of(spec, run.Directory, workers), .. looks]));
            }
        }
#pragma warning disable CA1031 // See above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            run.Log.Failure(e, "The report could not be written.");
            _view.Warn($"{run.Directory.ReportPath} could not be written: {e.Message} 'disttrain report {run.Directory.FullPath}' writes it again.");
        }
    }

    /// <summary>The last look; where it would take long, at the first of the test samples.</summary>
    private IReadOnlyList<RunEvent> Look(TrainingState state, LabeledImages test)
    {
        var patience = TimeSpan.FromTicks(Math.Min(LongestLook.Ticks, _call.Surroundings.Elapsed.Ticks / PartsForALook));
        using var longest = new CancellationTokenSource(TimeSpan.FromTicks(Math.Max(0, patience.Ticks)), _call.Surroundings.Time);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(longest.Token, _call.Stop.Token);
        var look = TestLook.Of(state.Spec, state.Parameters, state.StepsDone, test, enough.Token);
        return FilterLook.Of(state.Parameters) is { } filters ? [look, filters] : [look];
    }

    /// <summary>Finds the checkpoint to go on from, if there is to be one, and the options that its run was begun with.</summary>
    private SettingValues TakeUp()
    {
        var values = _call.Values;
        if (_origin.GoesOn)
        {
            _run = Open(RunDirectory.Open(_origin.Path!));
            _checkpoint = _run.FindCheckpoint(_origin.Checkpoint);
            // A run that ended before it could say what it is begins as the options say.
            return File.Exists(_run.Directory.RunPath) ? values.Over(ConfigFile.Read(_run.Directory.RunPath))
                : _checkpoint is null ? values
                : OverCheckpoint(values, _checkpoint);
        }

        if (_origin.NeedsCheckpoint)
        {
            _checkpoint = LoadFromElsewhere();
            return OverCheckpoint(values, _checkpoint);
        }

        return values;
    }

    private static SettingValues OverCheckpoint(SettingValues values, LoadedCheckpoint checkpoint) =>
        values.Over(ConfigFile.Parse(Encoding.UTF8.GetBytes(SpecJson.Write(checkpoint.Snapshot.Spec)), checkpoint.Path));

    private LoadedCheckpoint LoadFromElsewhere()
    {
        var files = DiskFileSystem.Instance;
        if (_origin.Checkpoint is { } named)
        {
            return new CheckpointStore(files, Path.GetDirectoryName(named)!).Load(named);
        }

        var store = new CheckpointStore(files, Path.Combine(_origin.Source!, RunJournal.CheckpointsName));
        return store.LoadNewest(_view.Warn) ?? throw new InvalidInputException($"There is no valid checkpoint in {store.Directory} to go on from.");
    }

    private void RequireSameRun(RunSpec spec)
    {
        if (_checkpoint is { } from && !RunSpecRules.CanContinue(from.Snapshot.Spec, spec, from.Snapshot.StepsDone, out var reasons))
        {
            throw new InvalidInputException(
                $"The checkpoint {from.Path} is of another run: {string.Join("; ", reasons)}. Leave these options out, or begin another run in another --out.");
        }
    }

    private OpenRun Open(RunDirectory directory) =>
        OpenRun.Open(directory, _view, _call.Values.Get(CommonOptions.KeepCheckpoints, CommonOptions.DefaultKeepCheckpoints), _call.Surroundings);

    private void Report(Exception e, RunReporter reporter)
    {
        var failure = Failure.Of(e, _call);
        _run!.Log.Failure(failure.IsForeseen ? null : e, failure.Reason);
        reporter.Fail(failure);
    }

    private static IRunView CreateView(SettingValues values, Surroundings surroundings) =>
        values.Get(CommonOptions.Json, false) ? new JsonView(surroundings) { Interval = values.Get(CommonOptions.ProgressInterval, TimeSpan.FromSeconds(2)) }
        : surroundings.IsTerminal && LiveView.OnTerminal(surroundings) is { } live ? live
        : new PlainView(surroundings);
}
