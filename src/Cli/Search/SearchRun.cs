using System.Globalization;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Verbs;
using DistTrain.Cli.Views;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Search;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Search;

/// <summary>A search from its options to its table: does what <see cref="SearchProgress"/> says is next, until nothing is.</summary>
public sealed class SearchRun : IDisposable
{
    private readonly VerbCall _call;
    private readonly SearchRequest _request;
    private readonly SearchDirectory _directory;
    private readonly ResolvedDataset _data;
    private readonly bool _json;
    private readonly int _workers;
    private readonly int _threads;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, long> _totalSteps = [];
    private int _roundsTold;

    private SearchRun(VerbCall call, SearchRequest request, SearchDirectory directory, ResolvedDataset data)
    {
        (_call, _request, _directory, _data) = (call, request, directory, data);
        _json = call.Values.Get(CommonOptions.Json, false);
        _workers = call.Values.Get(SearchOptions.Workers, 0);
        _threads = call.Values.Get(CommonOptions.Threads, TrainVerb.DefaultThreads(_workers, call.Surroundings.Cores));
    }

    private Dataset Split => _data.HoldOut(_request.Holdout).Dataset;

    /// <summary>Reads the options, takes the directory, searches, and reports.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        // Read before anything is done, so that a wrong value costs nothing.
        values.Get(CommonOptions.CheckpointEvery, CheckpointRule.Default);
        values.Get(SearchOptions.Workers, 0);
        values.Find(CommonOptions.Threads);
        var path = Path.TrimEndingDirectorySeparator(
            values.FindText(SearchOptions.Out) is { } text ? surroundings.Resolve(text) : SearchDirectory.DefaultPath(surroundings));
        SearchDirectory? directory = null;
        try
        {
            if (SearchDirectory.GoesOn(path, values.FindText(SearchOptions.Resume) is not null))
            {
                directory = SearchDirectory.Open(path);
                values = values.Over(directory.Options, SearchRequest.Identity, directory.DocumentPath);
            }

            var request = SearchRequest.From(values, surroundings);
            var first = request.Of(request.Plan.Draw(0, request.Plan.Dimensions, 1)[0]);
            var data = await surroundings.Load(first.DatasetName, first.DataDirectory, call.Stop.Token).ConfigureAwait(false);
            var split = data.HoldOut(request.Holdout).Dataset;
            foreach (var trial in request.Plan.Draw(0, request.Plan.Dimensions, 1))
            {
                request.Of(trial, split);
            }

            directory ??= SearchDirectory.Open(path);
            directory.Begin(request, first.ToSpec(split).Dataset);
            using var run = new SearchRun(call, request, directory, data);
            return await run.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            directory?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private async Task<int> RunAsync()
    {
        var plan = _request.Plan;
        Emit(new SearchStarted(
            _directory.FullPath, Ranges(plan.Dimensions), plan.Trials, plan.Refinements + 1, _workers, _threads, Split.Train.Count, Split.Test.Count,
            plan.Seed, _directory.Results.Count));
        try
        {
            var runner = new TrialRunner(_request, _directory, _workers, _threads, _data, _call, Emit);
            await using var processes = runner.ConfigureAwait(false);
            var progress = Progress();
            while (progress.Pending.Count > 0)
            {
                await runner.RunAsync(progress.Pending, Keep).ConfigureAwait(false);
                progress = Progress();
            }

            return Report(progress);
        }
        catch (OperationCanceledException) when (_call.Stop.ExitCode != 0)
        {
            Emit(new SearchStopped(_directory.FullPath, _directory.Results.Count, ExitCode.Checkpointed));
            return ExitCode.Checkpointed;
        }
    }

    private SearchProgress Progress()
    {
        var progress = SearchProgress.Of(_request.Plan, TotalSteps, _directory.Results);
        for (; _roundsTold < progress.Rounds.Count; _roundsTold++)
        {
            Emit(new RoundStarted(_roundsTold, Ranges(progress.Rounds[_roundsTold])));
        }

        return progress;
    }

    private long TotalSteps(Trial trial)
    {
        if (!_totalSteps.TryGetValue(trial.Number, out var steps))
        {
            steps = _request.Of(trial, Split).TotalSteps;
            _totalSteps.Add(trial.Number, steps);
        }

        return steps;
    }

    private void Keep(TrialRun run, TrialResult result)
    {
        _directory.Add(result);
        Emit(new TrialDone(
            run.Trial.Number, run.Trial.Round, run.Rung, run.Rungs, result.Steps, SearchReport.Named(_request.Keys, run.Trial.Values), result.ValidationLoss,
            result.ValidationAccuracy, result.Failure));
    }

    private int Report(SearchProgress progress)
    {
        var rows = SearchReport.Rows(progress.Ranking, _request.Keys);
        SearchReport.WriteCsv(_directory.FullPath, rows, _request.Keys);
        SearchFigure.Write(_directory.FullPath, rows, _request.Keys);
        var test = progress.Best is { } best ? Test(best) : null;
        var command = progress.Best is { } winner ? _request.CommandOnAll(winner.Trial) : null;
        if (_json)
        {
            Emit(new Searched(_directory.FullPath, rows, test?.Trial, test?.Loss, test?.Accuracy, command, _call.Surroundings.Elapsed.TotalSeconds));
        }
        else
        {
            _call.Surroundings.Output.WriteLine(Environment.NewLine + SearchReport.Table(rows, _request.Keys));
            _call.Surroundings.Output.WriteLine(test is null
                ? $"{Environment.NewLine}No trial could be trained to its end: there is no winner. Smaller learning rates are the usual cure."
                : string.Create(CultureInfo.InvariantCulture, $"""

                  The winner is trial {test.Trial}, trained on {Split.Train.Count:N0} samples. On the test set, used this once:
                    test accuracy     {EventText.Percent(test.Accuracy)}
                    test loss         {EventText.Number(test.Loss, "F4")}
                  The table is in {Path.Combine(_directory.FullPath, SearchReport.CsvName)}, its picture in {SearchFigure.Name} there, the winner's run in {_directory.TrialPath(test.Trial)}.
                  next, on the full training set: {command}
                  """));
        }

        return test is null ? ExitCode.Failed : ExitCode.Done;
    }

    /// <summary>The test set is used once, for the winner: a search that goes on after its end does not ask it again.</summary>
    private WinnerTest Test(RankedTrial winner)
    {
        if (_directory.Test is { } known && known.Trial == winner.Trial.Number)
        {
            return known;
        }

        var spec = _request.Of(winner.Trial, Split);
        var whole = spec with { Dataset = spec.Dataset with { TestCount = _data.Dataset.Test.Count, Holdout = null } };
        using var parameters = new ParameterSet(spec.Model.ParameterLayout());
        SafeTensors.ReadInto(Path.Combine(_directory.TrialPath(winner.Trial.Number), RunDirectory.ParametersFileName), parameters.Layout, parameters.Values);
        var evaluation = Evaluator.Run(spec.Model, parameters, _data.Dataset.Test, whole.EvaluationShardCount, _threads);
        var test = new WinnerTest(winner.Trial.Number, RunEvent.Finite(evaluation.Loss), RunEvent.Finite(evaluation.Accuracy));
        _directory.Add(test);
        return test;
    }

    private IReadOnlyDictionary<string, string> Ranges(IReadOnlyList<SearchDimension> dimensions) =>
        SearchReport.Named(_request.Keys, dimensions.Select(dimension => dimension.ToString()));

    private void Emit(SearchEvent happened)
    {
        var line = _json ? happened.ToJson() : SearchReport.Text(happened);
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            _call.Surroundings.Output.WriteLine(line);
            _call.Surroundings.Output.Flush();
        }
    }
}
