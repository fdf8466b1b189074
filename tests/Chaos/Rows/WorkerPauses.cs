using DistTrain.Cli.Runs;

namespace DistTrain.Chaos.Rows;

/// <summary>Workers that hang, are slow, or leave in order (P5, P6, P9).</summary>
internal static class WorkerPauses
{
    private static readonly TimeSpan DeadTime = TimeSpan.FromSeconds(3);

    /// <summary>One tick of the coordinator's clock, and the way of its word to here.</summary>
    private static readonly TimeSpan DetectionSlack = TimeSpan.FromSeconds(0.5);

    /// <summary>P5: stopped for three dead-times, then woken.</summary>
    public static async Task HangAndWake(RowContext context)
    {
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(context.Random.Next(200, 1000));
        var victim = cluster.Workers[context.Random.Next(3)];
        var from = cluster.Events.Count;
        var at = cluster.Events.Now;
        victim.Signal(ChaosProcess.SigStop);
        context.Fired();
        var wake = Task.Delay(DeadTime * 3);
        var lost = await cluster.WorkerEventAsync("lost", victim.Id, from);
        var (detected, reissued) = (lost.At - at, cluster.Events.Workers("reissued", from).Select(seen => seen.At - at).FirstOrDefault());
        context.Notes.Add(FormattableString.Invariant($"its shards leased again after {reissued.TotalSeconds:0.00} s, declared dead after {detected.TotalSeconds:0.00} s"));
        RowContext.Expect(detected <= DeadTime + DetectionSlack, $"the hang was found after {detected.TotalSeconds:0.00} s");
        RowContext.Expect(reissued > TimeSpan.Zero && reissued <= DeadTime + DetectionSlack, $"its shards were leased again after {reissued.TotalSeconds:0.00} s");
        await wake;
        from = cluster.Events.Count;
        victim.Signal(ChaosProcess.SigContinue);
        await cluster.WorkerEventAsync("joined", victim.Id, from);
        context.Fired();
        await cluster.AdvanceAsync(200);
        await Oracles.StopAndJudgeAsync(context, cluster, DeadTime + TimeSpan.FromSeconds(1));
        context.ExpectFired(2);
    }

    /// <summary>P6: one worker with a tenth of a core.</summary>
    public static async Task Straggle(RowContext context)
    {
        const int Steps = 200;
        const double Bound = 2;
        using var quota = CpuQuota.Create(0.1);
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        // Every step is told, to take the median of single ones.
        cluster.ProgressInterval = "0.000001";
        await cluster.StartAsync(3);
        await cluster.ReachAsync(1_000);
        var healthy = await MedianStepAsync(cluster, Steps);
        var from = cluster.Events.Count;
        quota.Add(cluster.Workers[context.Random.Next(3)].Id);
        // What is read here may be older than the fault.
        await cluster.AdvanceUntilAsync(() => quota.ThrottledTimes() > 0);
        var slow = await MedianStepAsync(cluster, Steps);
        context.Notes.Add(FormattableString.Invariant(
            $"median of {Steps} steps: {healthy * 1e3:0.00} ms healthy, {slow * 1e3:0.00} ms with the straggler; {cluster.Events.Workers("reissued", from).Count} backup leases, held back {quota.ThrottledTimes()} times"));
        for (var i = 0; i < quota.ThrottledTimes(); i++)
        {
            context.Fired();
        }

        RowContext.Expect(slow <= Bound * healthy, FormattableString.Invariant($"the median step takes {slow * 1e3:0.00} ms with a straggler, {healthy * 1e3:0.00} ms without"));
        var lost = cluster.Events.Workers("lost", from);
        RowContext.Expect(lost.Count == 0, $"the straggler was declared dead: {(lost.Count > 0 ? lost[0].Event.Reason : "")}");
        quota.Lift();
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(3));
        context.ExpectFired(1);
    }

    /// <summary>P6b: one worker whose heart beats and who delivers nothing.</summary>
    public static async Task Swallow(RowContext context)
    {
        const int Steps = 200;
        const double Bound = 2;
        const int From = 1_500;
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        cluster.ProgressInterval = "0.000001";
        await cluster.StartCoordinatorAsync("--workers", "3");
        cluster.StartWorker();
        cluster.StartWorker();
        var from = From.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var idle = cluster.StartFaultyWorker(context.Fired, isDoomed: true, "swallows-leases", from);
        await cluster.ReachAsync(From / 2);
        var healthy = await MedianStepAsync(cluster, Steps);
        // Whoever is quick may have all shards for itself: this worker's turn comes.
        await cluster.AdvanceUntilAsync(() => context.Injected > 0);
        var slow = await MedianStepAsync(cluster, Steps);
        context.Notes.Add(FormattableString.Invariant($"median of {Steps} steps: {healthy * 1e3:0.00} ms healthy, {slow * 1e3:0.00} ms with a worker that delivers nothing"));
        RowContext.Expect(slow <= Bound * healthy, FormattableString.Invariant($"the median step takes {slow * 1e3:0.00} ms with such a worker, {healthy * 1e3:0.00} ms without"));
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(1));
        context.ExpectFired(1);
    }

    /// <summary>P9: asked to stop while idle, computing and joining.</summary>
    public static async Task Terminate(RowContext context)
    {
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartCoordinatorAsync("--workers", "4");
        for (var i = 0; i < 3; i++)
        {
            cluster.StartWorker();
        }

        // Idle: the run waits for one more.
        await cluster.WorkerEventAsync("joined", cluster.Workers[0].Id, 0);
        await TerminateAsync(context, cluster.Workers[0]);
        cluster.StartWorker();
        cluster.StartWorker();

        for (var i = 1; i <= 3; i++)
        {
            await cluster.ReachAsync(context.Random.Next(200, 600) * i, cluster.Events.Count);
            await TerminateAsync(context, cluster.LivingWorkers[context.Random.Next(cluster.LivingWorkers.Count)]);
            var joining = cluster.StartWorker();
            await joining.SaysAsync("Looking for the coordinator", Cluster.Patience);
            await TerminateAsync(context, joining);
            cluster.StartWorker();
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        var lost = cluster.Events.Workers("lost");
        RowContext.Expect(lost.Count == 0, $"a worker that left counted as lost: {(lost.Count > 0 ? lost[0].Event.Reason : "")}");
        context.ExpectFired(7);
    }

    private static async Task TerminateAsync(RowContext context, ChaosProcess worker)
    {
        worker.Signal(ChaosProcess.SigTerm);
        var code = await worker.ExitAsync(TimeSpan.FromSeconds(15));
        RowContext.Expect(code == 0, $"{worker.Name} ended with {code} after SIGTERM\n{worker.Errors}");
        context.Fired();
    }

    /// <summary>The median over the next steps, by the coordinator's clock, in seconds.</summary>
    private static async Task<double> MedianStepAsync(Cluster cluster, int steps)
    {
        var from = cluster.Events.Count;
        var first = (Progress)(await cluster.ReachAsync(0, from)).Event;
        await cluster.ReachAsync(first.Step + steps, from);
        var at = cluster.Events.All().Skip(from).Select(seen => seen.Event).OfType<Progress>().Take(steps + 1).ToArray();
        var times = at.Zip(at.Skip(1), (before, after) => (after.ElapsedSeconds - before.ElapsedSeconds) / (after.Step - before.Step)).Order().ToArray();
        return times[times.Length / 2];
    }
}
