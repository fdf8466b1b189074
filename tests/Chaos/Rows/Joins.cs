namespace DistTrain.Chaos.Rows;

/// <summary>P8: workers that come, many at once or again and again.</summary>
internal static class Joins
{
    /// <summary>Twenty at once, and one that joins and leaves five times a second.</summary>
    public static async Task ManyAndFlapping(RowContext context)
    {
        const int AtOnce = 20;
        const int Flaps = 25;
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(200);
        var before = ProcessUsage.Of(cluster.Coordinator.Id);
        var flapping = cluster.StartFaultyWorker(context.Fired, isDoomed: false, "flap", Flaps.ToString(System.Globalization.CultureInfo.InvariantCulture), "0.2");
        await flapping.Exited;
        var guests = Enumerable.Range(0, AtOnce).Select(_ => cluster.StartWorker()).ToArray();
        foreach (var guest in guests)
        {
            await cluster.WorkerEventAsync("joined", guest.Id, 0);
            context.Fired();
        }

        foreach (var guest in guests)
        {
            guest.Signal(ChaosProcess.SigTerm);
        }

        await Task.WhenAll(guests.Select(guest => guest.ExitAsync(TimeSpan.FromSeconds(30))));
        Oracles.NothingLeaked(context, before, ProcessUsage.Of(cluster.Coordinator.Id));
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(AtOnce + Flaps);
        var lost = cluster.Events.Workers("lost");
        RowContext.Expect(lost.Count == 0, $"a guest counted as lost: {(lost.Count > 0 ? lost[0].Event.Reason : "")}");
    }
}
