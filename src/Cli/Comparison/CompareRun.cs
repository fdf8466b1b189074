using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Verbs;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Comparison;

/// <summary>What a comparison has measured.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Started">How a run describes itself; null if none did.</param>
/// <param name="Main">With the given batch size.</param>
/// <param name="Others">With others, in search of the break-even.</param>
/// <param name="Verdict">Whether it pays; null if nobody with workers was compared.</param>
/// <param name="BreakEvens">From which batch size on, against each baseline of the verdict's contender; empty if it was not looked for, or cannot be told.</param>
public sealed record Comparison(
    CompareRequest Request, Started? Started, Sitting Main, IReadOnlyList<Sitting> Others, Verdict? Verdict, IReadOnlyList<BreakEven> BreakEvens)
{
    /// <summary>Whether all runs with one batch size ended with the same parameters.</summary>
    public bool Agrees => Main.Agrees && Others.All(sitting => sitting.Agrees);
}

/// <summary>Carries out a comparison: each run by a fresh process of this program, all contenders in turn, so that whatever else the machine does meets all of them.</summary>
/// <param name="call">For the surroundings and the wish to stop.</param>
/// <param name="request">What to compare.</param>
/// <param name="directory">Where the runs get their directories.</param>
/// <param name="measured">Told of each finished run, in words.</param>
internal sealed class CompareRun(VerbCall call, CompareRequest request, string directory, Action<string> measured)
{
    private readonly Dictionary<int, string> _hashes = [];
    private Started? _started;
    private RunSpec? _spec;
    private int _finished;

    /// <summary>Measures everything.</summary>
    /// <exception cref="ChildFailedException">A run failed, or somebody stopped the comparison; finished runs stay.</exception>
    public async Task<Comparison> RunAsync()
    {
        var steps = request.HasLength ? null : (long?)await FindLengthAsync().ConfigureAwait(false);
        var main = await MeasureAsync(request.Contenders, request.BatchSize, steps).ConfigureAwait(false);
        var others = new List<Sitting>();
        var verdict = Verdict.Of(main, request.Cores);
        IReadOnlyList<BreakEven> breakEvens = [];
        if (request.Search != BreakEvenSearch.Off && main.Agrees && verdict is { Pays: not Pays.Unknown })
        {
            breakEvens = await FindBreakEvensAsync(verdict, main, others).ConfigureAwait(false);
        }

        return new Comparison(request, _started, main, others, verdict, breakEvens);
    }

    /// <summary>How many steps take long enough to be measured: found out by the slowest of the single processes.</summary>
    private async Task<int> FindLengthAsync()
    {
        var first = await RunAsync(ContenderRules.OneThread, request.BatchSize, RunLength.FirstTry, "first-try", isTry: true).ConfigureAwait(false);
        if (first.Rate is { } rate && RunLength.WantsSecondTry(rate, request.BatchSize))
        {
            first = await RunAsync(ContenderRules.OneThread, request.BatchSize, RunLength.SecondTry, "second-try", isTry: true).ConfigureAwait(false);
        }

        return RunLength.Steps(first.Rate, request.BatchSize);
    }

    private async Task<IReadOnlyList<BreakEven>> FindBreakEvensAsync(Verdict verdict, Sitting main, List<Sitting> others)
    {
        Contender[] baselines = [.. new[] { ContenderRules.OneThread, verdict.SameThreads }.Distinct()];
        Contender[] contenders = [.. baselines, verdict.Contender];
        while (BatchLadder.Next([main, .. others], verdict.Contender, ContenderRules.OneThread, size => IsAllowed(size) && RunLength.IsShort(main.Of(ContenderRules.OneThread).Rate, size)) is { } batchSize)
        {
            others.Add(await MeasureAsync(contenders, batchSize, StepsFor(main, batchSize)).ConfigureAwait(false));
        }

        var found = baselines.Select(baseline => BreakEven.Find(verdict.Contender, baseline, [main, .. others])).OfType<BreakEven>().ToList();
        if (request.Search != BreakEvenSearch.Measure)
        {
            return found;
        }

        for (var i = 0; i < found.Count; i++)
        {
            if (found[i].BatchSize is not { } batchSize)
            {
                continue;
            }

            var there = main.BatchSize == batchSize ? main : others.Find(sitting => sitting.BatchSize == batchSize);
            if (there is null && IsAllowed(batchSize))
            {
                others.Add(there = await MeasureAsync(contenders, batchSize, StepsFor(main, batchSize)).ConfigureAwait(false));
            }

            found[i] = found[i] with { Verification = there?.Compare(verdict.Contender, found[i].Baseline) };
        }

        return found;
    }

    private static int StepsFor(Sitting main, int batchSize) => RunLength.Steps(main.Of(ContenderRules.OneThread).Rate, batchSize);

    /// <summary>Whether the training can be done with a batch of that size: it is no larger than the training set, and what the model demands of a shard holds.</summary>
    private bool IsAllowed(int batchSize)
    {
        if (_spec is null || batchSize > _spec.Dataset.TrainCount)
        {
            return _spec is null;
        }

        try
        {
            (_spec with { BatchSize = batchSize }).Validate();
            return true;
        }
        catch (InvalidInputException)
        {
            return false;
        }
    }

    /// <summary>All contenders in turn, and again, as often as asked for.</summary>
    private async Task<Sitting> MeasureAsync(IReadOnlyList<Contender> contenders, int batchSize, long? steps)
    {
        var runs = contenders.ToDictionary(contender => contender, _ => new List<ComparedRun>());
        for (var repeat = 1; repeat <= request.RepeatCount; repeat++)
        {
            foreach (var contender in contenders)
            {
                var name = FormattableString.Invariant($"batch-{batchSize}-{contender.DirectoryName}-run-{repeat}");
                var run = await RunAsync(contender, batchSize, steps, name).ConfigureAwait(false);
                runs[contender].Add(run);
                measured(FormattableString.Invariant(
                    $"batch {batchSize}, run {repeat} of {request.RepeatCount}, {contender.Name}: {Views.EventText.Number(run.Rate, "N0")} samples/s, {run.Completed.ElapsedSeconds:F1} s in all"));
            }
        }

        return new Sitting(batchSize, [.. contenders.Select(contender => new Measurement(contender, batchSize, runs[contender]))]);
    }

    private async Task<ComparedRun> RunAsync(Contender contender, int batchSize, long? steps, string name, bool isTry = false)
    {
        var path = Path.Combine(directory, name);
        RunEvent? last = null;
        StepTimes? times = null;
        var code = await call.Surroundings.RunAgain(request.Arguments(contender, batchSize, steps, path), Take, call.Stop.Token).ConfigureAwait(false);
        if (call.Stop.Token.IsCancellationRequested)
        {
            throw new ChildFailedException(
                $"Stopped before the end of the comparison, by {ExitCode.SignalOf(call.Stop.ExitCode)}.{Kept()}", call.Stop.ExitCode);
        }

        if (code != ExitCode.Done || last is not Completed completed)
        {
            throw new ChildFailedException(
                $"The training by {contender.Name} ended with exit code {code}: {Reason(last)}{Kept()}",
                code is ExitCode.WrongUse or ExitCode.NotEnoughWorkers ? code : ExitCode.Failed);
        }

        _finished++;
        _spec ??= ReadSpec(path);
        // A run that finds out how long the others are to be has other bits than they, and nobody wants those.
        if (isTry || !IsFirstWith(batchSize, completed.ParametersSha256))
        {
            LeaveOutParameters(path);
        }

        return new ComparedRun(completed, times, batchSize);

        void Take(string line)
        {
            var happened = RunEvent.FromJson(line);
            _started ??= happened as Started;
            times = happened as StepTimes ?? times;
            last = happened ?? last;
        }
    }

    private static string Reason(RunEvent? last) => last switch
    {
        Failed failed => failed.Reason,
        Stopped => "somebody stopped it.",
        _ => "it did not say why.",
    };

    private string Kept() => _finished == 0 ? "" : FormattableString.Invariant($" The runs that were finished before, {_finished}, are in {directory}.");

    /// <summary>What the first run with a batch size has, the others of the same bits need not have again: tens of megabytes each. One with other bits keeps them.</summary>
    private bool IsFirstWith(int batchSize, string hash) => _hashes.TryAdd(batchSize, hash) || _hashes[batchSize] != hash;

    private static void LeaveOutParameters(string path)
    {
        File.Delete(Path.Combine(path, RunDirectory.ParametersFileName));
        var checkpoints = Path.Combine(path, RunJournal.CheckpointsName);
        if (Directory.Exists(checkpoints))
        {
            Directory.Delete(checkpoints, recursive: true);
        }
    }

    /// <summary>The specification of a finished run; null if there is none, which only costs a check before the next.</summary>
    private RunSpec? ReadSpec(string path)
    {
        var file = Path.Combine(path, RunDirectory.RunFileName);
        return File.Exists(file)
            ? RunRequest.From(SettingValues.Empty.Over(ConfigFile.Read(file)), call.Surroundings).ToRecordedSpec()
            : null;
    }
}
