using DistTrain.Cli.Runs;

namespace DistTrain.Chaos.Rows;

/// <summary>Workers that die, hang, leave or come (P rows).</summary>
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
