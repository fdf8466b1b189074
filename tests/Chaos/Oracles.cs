using DistTrain.Cli.Runs;

namespace DistTrain.Chaos;

/// <summary>What must hold at the end of every run, whatever happened in it (docs/faults.md).</summary>
internal static class Oracles
{
    private static readonly TimeSpan ExitTime = TimeSpan.FromSeconds(10);

    /// <summary>Waits for the end and judges it.</summary>
    /// <param name="context">The row.</param>
    /// <param name="cluster">Its run.</param>
    /// <param name="stallBound">The longest time without a step that the row allows.</param>
    public static async Task JudgeAsync(RowContext context, Cluster cluster, TimeSpan stallBound)
    {
        var calm = context.Calm.Of(cluster.Run);
        var completed = (Completed)(await cluster.CompletedAsync()).Event;
        await EndedInOrderAsync(cluster);
        RowContext.Expect(
            completed.ParametersSha256 == (await calm).Hash, $"O1: the parameters end in {completed.ParametersSha256}, without faults in {(await calm).Hash}");
        var stall = cluster.Events.LongestStall();
        context.Stalled(stall);
        RowContext.Expect(stall <= stallBound, $"O5: no step for {stall.TotalSeconds:0.00} s; {stallBound.TotalSeconds:0.##} s are allowed");
    }

    /// <summary>O5: documented exit codes, nobody left behind.</summary>
    private static async Task EndedInOrderAsync(Cluster cluster)
    {
        var code = await cluster.Coordinator.ExitAsync(ExitTime);
        RowContext.Expect(code == 0, $"O5: the coordinator ended with {code}");
        foreach (var worker in cluster.Workers.Where(worker => worker is { WasKilled: false, IsDoomed: false }))
        {
            var workerCode = await worker.ExitAsync(ExitTime);
            RowContext.Expect(workerCode == 0, $"O5: {worker.Name} ({worker.Id}) ended with {workerCode}\n{worker.Errors}");
        }
    }

    /// <summary>O5: the coordinator takes no more of the system than before.</summary>
    public static void NothingLeaked(RowContext context, ProcessUsage before, ProcessUsage after, int workersMore = 0)
    {
        // Two connections a worker, and what a collection in between may leave or take.
        const int SocketsPerWorker = 2;
        const int Slack = 6;
        const long SlackBytes = 64L << 20;
        context.Notes.Add($"coordinator before: {before}; after: {after}");
        RowContext.Expect(
            after.FileDescriptors <= before.FileDescriptors + (workersMore * SocketsPerWorker) + Slack,
            $"O5: the coordinator has {after.FileDescriptors} descriptors, it had {before.FileDescriptors}");
        RowContext.Expect(
            after.ResidentBytes <= before.ResidentBytes + SlackBytes, $"O5: the coordinator takes {after.ResidentBytes / 1e6:0} MB, it took {before.ResidentBytes / 1e6:0}");
    }
}
