using System.Text.Json;
using DistTrain.Cli.Data;
using DistTrain.Cli.Processes;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Verbs;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Search;

namespace DistTrain.Cli.Search;

/// <summary>
/// Trains trials, each by this program's own <c>train</c> command in a run directory of its own: in this process, or in processes that end with it. So a trial has
/// checkpoints, goes on where it was, and has the bits that its command line gives anybody.
/// </summary>
/// <param name="request">The search.</param>
/// <param name="directory">Where trials are kept.</param>
/// <param name="workers">Trainings at a time, each a process; 0 for one after the other in this one.</param>
/// <param name="threads">Of each.</param>
/// <param name="data">The whole dataset.</param>
/// <param name="call">For the surroundings and the wish to stop.</param>
/// <param name="tell">Told what happens to processes; any thread.</param>
internal sealed class TrialRunner(
    SearchRequest request, SearchDirectory directory, int workers, int threads, ResolvedDataset data, VerbCall call, Action<SearchEvent> tell) : IAsyncDisposable
{
    private readonly TrainerProcess[] _processes = [.. Enumerable.Range(0, workers).Select(_ => new TrainerProcess(call.Surroundings))];

    /// <summary>A process that ends so often without a result will not bring one.</summary>
    private const int MaximumAttempts = 6;

    /// <summary>Trains some trials, as many at a time as there are workers.</summary>
    /// <param name="runs">In the order to begin them.</param>
    /// <param name="done">Told of each result; any thread.</param>
    /// <exception cref="ChildFailedException">A training ended in a way that is not the trial's fault.</exception>
    /// <exception cref="OperationCanceledException">The search was asked to stop.</exception>
    public async Task RunAsync(IReadOnlyList<TrialRun> runs, Action<TrialRun, TrialResult> done)
    {
        var next = -1;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(call.Stop.Token);
        var slots = Enumerable.Range(0, Math.Clamp(workers, 1, runs.Count)).Select(ServeAsync).ToList();
        await Task.WhenAll(slots).ConfigureAwait(false);

        async Task ServeAsync(int slot)
        {
            try
            {
                while (Interlocked.Increment(ref next) is var i && i < runs.Count)
                {
                    done(runs[i], await RunAsync(runs[i], slot, ending.Token).ConfigureAwait(false));
                }
            }
            catch
            {
                // The others need not go on; what they have done so far is in their checkpoints.
                await ending.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Task.WhenAll(_processes.Select(process => process.DisposeAsync().AsTask())).ConfigureAwait(false);

    private async Task<TrialResult> RunAsync(TrialRun run, int slot, CancellationToken cancellation)
    {
        var path = directory.TrialPath(run.Trial.Number);
        var arguments = request.Command(run, data.Dataset.Name, path, threads);
        var mayBeHeld = Directory.Exists(path);
#pragma warning disable CA5394 // Spreading restarts needs no secrecy.
        var restarts = new RestartRules(Random.Shared.NextDouble);
#pragma warning restore CA5394
        for (var attempt = 1; ; attempt++)
        {
            cancellation.ThrowIfCancellationRequested();
            var since = call.Surroundings.Time.GetTimestamp();
            RunEvent? last = null;
            var code = await TrainAsync(run, slot, arguments, line => last = RunEvent.FromJson(line) ?? last, cancellation).ConfigureAwait(false);
            switch (last)
            {
                case Completed completed when code == ExitCode.Done:
                    RequireSameData(path);
                    return new TrialResult(run.Trial.Number, run.Rung, completed.Steps, completed.TestLoss, completed.TestAccuracy, ParametersSha256: completed.ParametersSha256);
                case Failed { IsOfTraining: true } failed:
                    return new TrialResult(run.Trial.Number, run.Rung, run.Steps, null, null, failed.Reason);
            }

            cancellation.ThrowIfCancellationRequested();
            var reason = last is Failed said ? said.Reason : FormattableString.Invariant($"it ended with exit code {code} and did not say why");
            // A process of a search that was killed has a second to notice, and holds the run until then.
            var isForGood = last is Failed && !(mayBeHeld && code == ExitCode.WrongUse);
            if (isForGood || attempt == MaximumAttempts)
            {
                throw new ChildFailedException($"Trial {run.Trial.Number} ({request.Describe(run.Trial)}): {reason}", code == ExitCode.Done ? ExitCode.Failed : code);
            }

            tell(new TrialRestarted(run.Trial.Number, run.Rung, reason));
            await Task.Delay(restarts.Next(call.Surroundings.Time.GetElapsedTime(since)), call.Surroundings.Time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<int> TrainAsync(TrialRun run, int slot, IReadOnlyList<string> arguments, Action<string> output, CancellationToken cancellation)
    {
        if (workers == 0)
        {
            return await TrainHereAsync(arguments, output).ConfigureAwait(false);
        }

        if (call.Surroundings.Again is { } again)
        {
            return await again(arguments, output, cancellation).ConfigureAwait(false);
        }

        return await _processes[slot]
            .RunAsync(arguments, output, processId => tell(new TrialStarted(run.Trial.Number, run.Rung, processId)), cancellation).ConfigureAwait(false);
    }

    private async Task<int> TrainHereAsync(IReadOnlyList<string> arguments, Action<string> output)
    {
        using var text = new StringWriter();
        var surroundings = call.Surroundings with
        {
            Output = text,
            Error = TextWriter.Null,
            IsTerminal = false,
            LoadDataset = (_, _, _) => Task.FromResult(data),
        };
        var code = await DistTrainCommand.RunAsync(arguments, surroundings, call.Stop).ConfigureAwait(false);
        foreach (var line in text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            output(line);
        }

        return code;
    }

    /// <summary>A process finds its data by itself: a directory that has changed meanwhile must not pass for the one that is scored.</summary>
    private void RequireSameData(string path)
    {
        using var run = JsonDocument.Parse(File.ReadAllText(Path.Combine(path, RunDirectory.RunFileName)));
        var (expected, actual) = (data.HoldOut(request.Holdout).Dataset.Digest, run.RootElement.GetProperty("dataset").GetProperty("digest").GetString());
        if (actual != expected)
        {
            throw new InvalidInputException($"{path}: this trial was trained on data with digest {actual}, the search is on {expected}: the data was changed meanwhile. Begin again in another --out.");
        }
    }
}
