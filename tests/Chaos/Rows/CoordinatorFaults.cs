using System.Globalization;
using DistTrain.Cli.Runs;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Chaos.Rows;

/// <summary>Coordinators that die, stop, or are two (P10 to P13). The workers are never touched.</summary>
internal static class CoordinatorFaults
{
    private const string SaveInterval = "250";

    /// <summary>The program's start and the data.</summary>
    private static readonly TimeSpan LoadTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RestartBound = TimeSpan.FromSeconds(5);

    /// <summary>P10: killed while it waits for workers, at random moments of its steps, and while it saves; each time restarted.</summary>
    public static async Task Kill(RowContext context)
    {
        const int Kills = 5;
        var run = await context.Calm.LastingAsync(10);
        await using var cluster = context.Cluster(run);
        cluster.CoordinatorOptions = ["--checkpoint-every", SaveInterval];
        await cluster.StartCoordinatorAsync("--workers", "3");
        cluster.StartWorker();
        cluster.StartWorker();
        await cluster.WorkerEventAsync("joined", null, 0);
        await KillAndRestartAsync(context, cluster, "idle", "--workers", "3");
        cluster.StartWorker();

        var times = new List<double>();
        for (var i = 1; i <= Kills; i++)
        {
            var from = cluster.Events.Count;
            await cluster.ReachAsync(run.Steps * i / (Kills + 2), from);
            var isSaving = i % 2 == 0;
            if (isSaving)
            {
                await SaveBeginsAsync(cluster);
            }

            times.Add((await KillAndRestartAsync(context, cluster, isSaving ? "saving" : "in a step")).TotalSeconds);
        }

        await Oracles.JudgeAsync(context, cluster, RestartBound + LoadTime);
        context.ExpectFired(Kills + 1);
        context.Notes.Add(FormattableString.Invariant($"training again after {times.Order().ElementAt(Kills / 2):0.0} s (median), {times.Max():0.0} s (worst); {cluster.Events.All().Count(seen => seen.Event is CheckpointDone)} checkpoints"));
    }

    /// <summary>P11: stopped for ten seconds, then for a minute.</summary>
    public static async Task Pause(RowContext context)
    {
        var run = await context.Calm.LongAsync(120);
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        int[] pauses = [10, 60];
        for (var i = 0; i < pauses.Length; i++)
        {
            await cluster.ReachAsync(context.Random.Next(200, 1000), cluster.Events.Count);
            var from = cluster.Events.Count;
            cluster.Coordinator.Signal(ChaosProcess.SigStop);
            context.Fired();
            await Task.Delay(TimeSpan.FromSeconds(pauses[i]));
            cluster.Coordinator.Signal(ChaosProcess.SigContinue);
            await cluster.AdvanceAsync(500);
            var silent = cluster.Events.Workers("lost", from).Where(lost => lost.Event.Reason?.Contains("silent", StringComparison.Ordinal) == true).ToArray();
            RowContext.Expect(silent.Length == 0, $"after {pauses[i]} s the coordinator declared {silent.Length} workers dead: {silent.FirstOrDefault().Event?.Reason}");
            context.Notes.Add($"{pauses[i]} s: {cluster.Events.Workers("lost", from).Count} workers had hung up themselves");
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(pauses.Max() + 5));
        context.ExpectFired(pauses.Length);
    }

    /// <summary>P12: asked to stop, three times, the last time twice at once; gone on with other numbers of workers.</summary>
    public static async Task Terminate(RowContext context)
    {
        const int Checkpointed = 75;
        var run = await context.Calm.LastingAsync(9);
        await using var cluster = context.Cluster(run);
        cluster.CoordinatorOptions = ["--checkpoint-every", SaveInterval];
        int[] workers = [3, 2, 1];
        for (var i = 0; i < workers.Length; i++)
        {
            var from = cluster.Events.Count;
            await (i == 0 ? cluster.StartAsync(workers[i]) : ResumeAsync(cluster, workers[i]));
            await cluster.ReachAsync(run.Steps * (i + 1) / 5, from);
            await cluster.SavedAsync(0, from);
            cluster.Coordinator.Signal(ChaosProcess.SigTerm);
            if (i == workers.Length - 1)
            {
                cluster.Coordinator.Signal(ChaosProcess.SigTerm);
            }

            context.Fired();
            var code = await cluster.Coordinator.ExitAsync(TimeSpan.FromSeconds(10));
            if (i < workers.Length - 1)
            {
                RowContext.Expect(code == Checkpointed, $"the coordinator ended with {code} after SIGTERM, {Checkpointed} is documented");
                await WorkersLeaveAsync(cluster);
            }
            else
            {
                context.Notes.Add($"a second SIGTERM ends it with {code}");
                RowContext.Expect(code is 143 or Checkpointed, $"the coordinator ended with {code} after two SIGTERM, 143 is documented");
                // Its workers look for it; whoever goes on finds them.
                RowContext.Expect(Newest(cluster) > 0, "no checkpoint loads after the second SIGTERM");
            }
        }

        await ResumeAsync(cluster, 1);
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(20));
        context.ExpectFired(workers.Length);
    }

    /// <summary>P13: a second coordinator on the run directory of a living one, and a third as soon as that one is dead.</summary>
    public static async Task Rivals(RowContext context)
    {
        const int WrongUse = 2;
        var run = await context.Calm.LastingAsync(5);
        await using var cluster = context.Cluster(run);
        cluster.CoordinatorOptions = ["--checkpoint-every", SaveInterval];
        await cluster.StartAsync(3);
        await cluster.SavedAsync(1);
        await using (var rival = cluster.StartRival("127.0.0.1:0"))
        {
            var code = await rival.ExitAsync(TimeSpan.FromSeconds(20));
            context.Fired();
            var holder = cluster.Coordinator.Id.ToString(CultureInfo.InvariantCulture);
            RowContext.Expect(code == WrongUse, $"the second coordinator ended with {code}, {WrongUse} is documented\n{rival.Errors}");
            RowContext.Expect(rival.Errors.Contains(holder, StringComparison.Ordinal), $"the refusal does not name the holder, process {holder}: {rival.Errors}");
        }

        await KillAndRestartAsync(context, cluster, "with a rival");
        await Oracles.JudgeAsync(context, cluster, RestartBound + LoadTime);
        context.ExpectFired(2);
    }

    /// <summary>Kills the coordinator, starts another at the same address, and waits until it trains.</summary>
    /// <returns>From the new one's start to its first step.</returns>
    public static async Task<TimeSpan> KillAndRestartAsync(RowContext context, Cluster cluster, string phase, params string[] more)
    {
        cluster.Coordinator.Kill();
        await cluster.Coordinator.Exited;
        context.Fired(phase);
        var durable = cluster.LastDurableStep();
        var from = cluster.Events.Count;
        var at = cluster.Events.Now;
        await cluster.StartCoordinatorAsync(["--resume", "auto", .. more]);
        if (more.Length > 0)
        {
            // It waits for more workers.
            return cluster.Events.Now - at;
        }

        var first = await cluster.ReachAsync(0, from);
        var step = ((Progress)first.Event).Step;
        // O4
        RowContext.Expect(step > durable, $"O4: killed {phase}, the run went on with step {step}, but {durable} had been reported durable");
        var listening = cluster.Events.All().Skip(from).First(seen => seen.Event is Started).At;
        RowContext.Expect(
            first.At - listening <= RestartBound,
            FormattableString.Invariant($"killed {phase}, the run trained again {(first.At - listening).TotalSeconds:0.0} s after it was loaded; {RestartBound.TotalSeconds} s are allowed"));
        return first.At - at;
    }

    private static async Task ResumeAsync(Cluster cluster, int workers)
    {
        await cluster.StartCoordinatorAsync("--resume", "auto", "--workers", workers.ToString(CultureInfo.InvariantCulture));
        for (var i = cluster.LivingWorkers.Count; i < workers; i++)
        {
            cluster.StartWorker();
        }
    }

    private static async Task WorkersLeaveAsync(Cluster cluster)
    {
        foreach (var worker in cluster.LivingWorkers)
        {
            var code = await worker.ExitAsync(TimeSpan.FromSeconds(10));
            RowContext.Expect(code == 0, $"{worker.Name} ended with {code} when the coordinator stopped\n{worker.Errors}");
        }
    }

    /// <summary>The steps behind the newest checkpoint that loads.</summary>
    private static long Newest(Cluster cluster)
    {
        var store = new CheckpointStore(DiskFileSystem.Instance, Path.Combine(cluster.RunDirectory, RunJournal.CheckpointsName));
        using var newest = store.LoadNewest(_ => { });
        return newest?.Snapshot.StepsDone ?? 0;
    }

    /// <summary>Completes when a checkpoint begins to be written.</summary>
    private static async Task SaveBeginsAsync(Cluster cluster)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Path.Combine(cluster.RunDirectory, RunJournal.CheckpointsName));
        watcher.Created += (_, created) =>
        {
            if (!Path.GetFileName(created.FullPath).StartsWith("step-", StringComparison.Ordinal))
            {
                begun.TrySetResult();
            }
        };
        watcher.EnableRaisingEvents = true;
        await begun.Task.WaitAsync(Cluster.Patience);
    }
}
