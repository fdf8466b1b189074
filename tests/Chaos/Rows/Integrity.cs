using System.Globalization;
using DistTrain.Cli.Runs;

namespace DistTrain.Chaos.Rows;

/// <summary>Workers that compute wrongly, or die of their work (P7, D1, D2, H4).</summary>
internal static class Integrity
{
    /// <summary>P7: a worker that dies of every lease, restarted again and again, must not hold the run up.</summary>
    public static async Task CrashLoop(RowContext context)
    {
        const int Crashes = 5;
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(2);
        await cluster.ReachAsync(200);
        for (var i = 0; i < Crashes; i++)
        {
            var doomed = cluster.StartFaultyWorker(context.Fired, isDoomed: true, "dies-of-lease", "0");
            await doomed.ExitAsync(TimeSpan.FromSeconds(30));
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(Crashes);
    }

    /// <summary>P7: a shard that kills whoever takes it: the run stops after three distinct workers and names it.</summary>
    public static async Task PoisonShard(RowContext context)
    {
        const int TrainingFailed = 1;
        const string Shard = "5";
        var run = await context.Calm.LastingAsync(6);
        await using var cluster = context.Cluster(run);
        // Three deaths condemn the shard; one more may take it before the third is noticed.
        const int Workers = 6;
        await cluster.StartCoordinatorAsync("--workers", Workers.ToString(CultureInfo.InvariantCulture));
        var fatal = (run.Steps / 10).ToString(CultureInfo.InvariantCulture);
        for (var i = 0; i < Workers; i++)
        {
            cluster.StartFaultyWorker(context.Fired, isDoomed: true, "dies-of-shard", Shard, fatal);
        }

        var code = await cluster.Coordinator.ExitAsync(Cluster.Patience);
        RowContext.Expect(code == TrainingFailed, $"the coordinator ended with {code}, {TrainingFailed} is documented");
        var reason = cluster.Events.All().Select(seen => seen.Event).OfType<Failed>().LastOrDefault()?.Reason ?? "";
        RowContext.Expect(reason.Contains("shard", StringComparison.OrdinalIgnoreCase) && reason.Contains(Shard, StringComparison.Ordinal), $"the reason does not name the shard: {reason}");
        RowContext.Expect(context.Injected is 3 or 4, $"{context.Injected} workers died of the shard before the run stopped; three are enough");
        context.Notes.Add(reason);
        context.ExpectFired(3);
    }

    /// <summary>D1: NaN from one worker, once: computed elsewhere, and the worker sent away.</summary>
    public static Task NotANumber(RowContext context) => LieAsync(context, "nan", rate: 1, times: 1, []);

    /// <summary>D2: one bit of a mantissa, every partial audited.</summary>
    public static Task FlippedBit(RowContext context) => LieAsync(context, "bit", rate: 1, times: 1, ["--audit", "1"]);

    /// <summary>H4: a worker that lies with every partial: the wrong sign, a hundred times too much, nothing.</summary>
    public static async Task Liar(RowContext context)
    {
        foreach (var kind in (string[])["sign", "hundred", "zero"])
        {
            await LieAsync(context, kind, rate: 1, times: int.MaxValue, ["--audit", "1"]);
        }
    }

    /// <summary>Z1: a flipped bit that nobody audits must not pass the judge: this program itself is tested.</summary>
    public static async Task JudgeNotices(RowContext context)
    {
        var run = await context.Calm.LastingAsync(2);
        await using var cluster = context.Cluster(run);
        await cluster.StartCoordinatorAsync("--workers", "2");
        cluster.StartWorker();
        cluster.StartFaultyWorker(context.Fired, isDoomed: false, "lies", "bit", "1", "1", (run.Steps / 2).ToString(CultureInfo.InvariantCulture), "1");
        try
        {
            await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        }
        catch (RowFailedException e) when (e.Message.StartsWith("O1", StringComparison.Ordinal))
        {
            context.Notes.Add($"as it must: {e.Message}");
            context.ExpectFired(1);
            return;
        }

        throw new RowFailedException("a flipped bit that nobody audits passes");
    }

    private static async Task LieAsync(RowContext context, string kind, double rate, int times, IReadOnlyList<string> options)
    {
        if (options.Count > 0)
        {
            await Programs.RequireAsync("coordinator", options[0]);
        }

        var run = await context.Calm.LastingAsync(4);
        await using var cluster = context.Cluster(run);
        cluster.CoordinatorOptions = options;
        await cluster.StartCoordinatorAsync("--workers", "4");
        for (var i = 0; i < 3; i++)
        {
            cluster.StartWorker();
        }

        var seed = context.Random.Next().ToString(CultureInfo.InvariantCulture);
        var liar = cluster.StartFaultyWorker(
            context.Fired, isDoomed: true, "lies", kind, seed, rate.ToString(CultureInfo.InvariantCulture), (run.Steps / 3).ToString(CultureInfo.InvariantCulture), times.ToString(CultureInfo.InvariantCulture));
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        RowContext.Expect(context.FiredCount(kind) > 0, $"O6: no partial was changed ({kind})");
        var condemned = cluster.Events.All().Select(seen => seen.Event).OfType<WorkerChanged>().Where(changed => changed.What is "evicted" or "quarantined").ToArray();
        RowContext.Expect(condemned.Any(changed => changed.ProcessId == liar.Id), $"{kind}: the worker that computed wrongly, {liar.Id}, was not sent away");
        RowContext.Expect(condemned.All(changed => changed.ProcessId == liar.Id), $"{kind}: an honest worker was sent away");
        context.Notes.Add($"{kind}: {condemned[0].What} at step {condemned[0].Step}: {condemned[0].Reason}");
    }
}
