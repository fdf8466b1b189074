using System.Globalization;
using DistTrain.Cli.Runs;
using DistTrain.Transport;

namespace DistTrain.Chaos.Rows;

/// <summary>Workers that die (P1 to P4).</summary>
internal static class WorkerDeaths
{
    private static readonly TimeSpan ReissueBound = TimeSpan.FromSeconds(1);

    /// <summary>P1: killed at random times inside steps, each replaced at once.</summary>
    public static async Task KillComputing(RowContext context)
    {
        const int Kills = 6;
        var run = await context.Calm.LastingAsync(10);
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(run.Steps / 20);
        var before = ProcessUsage.Of(cluster.Coordinator.Id);
        var times = new List<TimeSpan>();
        for (var i = 1; i <= Kills; i++)
        {
            await cluster.ReachAsync(run.Steps * i / (Kills + 2));
            times.Add(await KillOneAsync(context, cluster));
            cluster.StartWorker();
        }

        await cluster.ReachAsync(run.Steps * 95 / 100);
        Oracles.NothingLeaked(context, before, ProcessUsage.Of(cluster.Coordinator.Id));
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(Kills);
        context.Notes.Add(FormattableString.Invariant($"noticed after {times.Order().ElementAt(Kills / 2).TotalMilliseconds:0} ms (median), {times.Max().TotalMilliseconds:0} ms (worst)"));
        var reissued = cluster.Events.Workers("reissued");
        context.Notes.Add($"{reissued.Count} ranges leased again");
    }

    /// <summary>P1b: a hundred deaths in one run; the coordinator takes no more of the system than after the first ten.</summary>
    public static async Task KillAHundred(RowContext context)
    {
        const int Kills = 100;
        const int WarmUp = 10;
        const double Bound = 1.1;
        var run = await context.Calm.LongAsync(400);
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(200);
        var before = default(ProcessUsage);
        for (var i = 0; i < Kills; i++)
        {
            if (i == WarmUp)
            {
                before = ProcessUsage.Of(cluster.Coordinator.Id);
            }

            await KillOneAsync(context, cluster);
            var from = cluster.Events.Count;
            await cluster.WorkerEventAsync("joined", cluster.StartWorker().Id, from);
        }

        var after = ProcessUsage.Of(cluster.Coordinator.Id);
        context.Notes.Add($"coordinator after {WarmUp} deaths: {before}; after {Kills}: {after}");
        RowContext.Expect(
            after.FileDescriptors <= before.FileDescriptors * Bound && after.ResidentBytes <= before.ResidentBytes * Bound && after.Threads <= before.Threads + 4,
            $"O5: the coordinator takes {after}; it took {before}");
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(Kills);
    }

    /// <summary>P2: gone after so many bytes of an upload, around the edges of its chunks.</summary>
    public static async Task DieUploading(RowContext context)
    {
        var gradient = RunSizes.GradientBytes;
        int[] sweep = [0, 1, Protocol.ChunkBytes - 1, Protocol.ChunkBytes, Protocol.ChunkBytes + 1, gradient - 1];
        await DieAgainAndAgainAsync(context, [.. sweep.Select(bytes => (string[])["dies-uploading", bytes.ToString(CultureInfo.InvariantCulture)])]);
    }

    /// <summary>P3: gone when its partial is counted and before it knows.</summary>
    public static Task DieCounted(RowContext context) => DieAgainAndAgainAsync(context, [.. Enumerable.Repeat((string[])["dies-counted"], 5)]);

    /// <summary>P4: all die; others come ten seconds later.</summary>
    public static async Task KillAll(RowContext context)
    {
        var away = TimeSpan.FromSeconds(10);
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(context.Random.Next(500, 1500));
        var from = cluster.Events.Count;
        foreach (var worker in cluster.Workers)
        {
            worker.Kill();
            context.Fired();
        }

        var others = Task.Delay(away);
        var waiting = (WorkerChanged)(await cluster.WorkerEventAsync("waiting", null, from)).Event;
        RowContext.Expect(
            waiting.Reason?.Contains("Waiting for 1 more worker: 0 of 1 needed are here", StringComparison.Ordinal) == true,
            $"the coordinator does not say whom it waits for, but: {waiting.Reason}");
        await others;
        from = cluster.Events.Count;
        cluster.StartWorker();
        cluster.StartWorker();
        await cluster.AdvanceAsync(500, from);
        await Oracles.StopAndJudgeAsync(context, cluster, away + TimeSpan.FromSeconds(5));
        context.ExpectFired(3);
    }

    private static async Task DieAgainAndAgainAsync(RowContext context, IReadOnlyList<string[]> faults)
    {
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(2);
        await cluster.ReachAsync(200);
        foreach (var fault in faults)
        {
            var from = cluster.Events.Count;
            var doomed = cluster.StartFaultyWorker(context.Fired, isDoomed: true, fault);
            await cluster.WorkerEventAsync("lost", doomed.Id, from);
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(faults.Count);
    }

    /// <summary>Kills a random worker that has joined, and waits until the coordinator has noticed.</summary>
    /// <returns>From the kill to the coordinator's word.</returns>
    private static async Task<TimeSpan> KillOneAsync(RowContext context, Cluster cluster)
    {
        var joined = cluster.Events.Workers("joined").Select(joined => joined.Event.ProcessId).ToHashSet();
        var candidates = cluster.LivingWorkers.Where(worker => joined.Contains(worker.Id)).ToArray();
        var victim = candidates[context.Random.Next(candidates.Length)];
        var from = cluster.Events.Count;
        var at = cluster.Events.Now;
        victim.Kill();
        var lost = await cluster.WorkerEventAsync("lost", victim.Id, from);
        context.Fired();
        var took = lost.At - at;
        RowContext.Expect(took <= ReissueBound, $"the death was noticed after {took.TotalSeconds:0.00} s");
        return took;
    }
}
