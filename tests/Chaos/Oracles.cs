using DistTrain.Cli.Runs;
using DistTrain.Core.Checkpoints;

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
        await EndedInOrderAsync(cluster, 0);
        RowContext.Expect(
            completed.ParametersSha256 == (await calm).Hash, $"O1: the parameters end in {completed.ParametersSha256}, without faults in {(await calm).Hash}");
        Judge(context, cluster, await calm, cluster.Run.Steps, stallBound);
    }

    /// <summary>
    /// Asks the run to stop where it is, since all has been seen that the row is about, and judges it: the hash chain tells the parameters
    /// after each step done as well as the final hash would.
    /// </summary>
    /// <param name="context">The row.</param>
    /// <param name="cluster">Its run.</param>
    /// <param name="stallBound">The longest time without a step that the row allows.</param>
    /// <param name="isEndless">The run has more steps than anybody wants to do without faults: so many as it did are done.</param>
    public static async Task StopAndJudgeAsync(RowContext context, Cluster cluster, TimeSpan stallBound, bool isEndless = false)
    {
        const int Checkpointed = 75;
        var stall = cluster.Events.LongestStall();
        cluster.Coordinator.Signal(ChaosProcess.SigTerm);
        await EndedInOrderAsync(cluster, Checkpointed);
        var stopped = cluster.Events.All().Select(seen => seen.Event).OfType<Stopped>().LastOrDefault()
            ?? throw new RowFailedException("the coordinator does not say after which step it stopped");
        Judge(context, cluster, await context.Calm.Of(isEndless ? cluster.Run with { Steps = stopped.Step } : cluster.Run), stopped.Step, stallBound);
        context.Stalled(stall);
    }

    private static void Judge(RowContext context, Cluster cluster, CalmRun calm, long steps, TimeSpan stallBound)
    {
        SameCourse(context, cluster, calm, steps);
        CountedOnce(cluster, steps);
        var stall = cluster.Events.LongestStall();
        context.Stalled(stall);
        RowContext.Expect(stall <= stallBound, $"O5: no step for {stall.TotalSeconds:0.00} s; {stallBound.TotalSeconds:0.##} s are allowed");
    }

    /// <summary>O2: the parameters after every single step are those of the run without faults.</summary>
    private static void SameCourse(RowContext context, Cluster cluster, CalmRun calm, long steps)
    {
        var expected = HashChainLog.ReadAll(DiskFileSystem.Instance, Path.Combine(calm.Directory, RunJournal.ChainName));
        var found = HashChainLog.ReadAll(DiskFileSystem.Instance, Path.Combine(cluster.RunDirectory, RunJournal.ChainName));
        RowContext.Expect(
            found.Length == steps + 1 && expected.Length >= found.Length, $"O2: the hash chain has {found.Length} versions after {steps} steps, without faults {expected.Length} of {cluster.Run.Steps}");
        var unknown = 0;
        for (var version = 0; version < found.Length; version++)
        {
            unknown += found[version] == 0 ? 1 : 0;
            RowContext.Expect(found[version] == expected[version] || found[version] == 0, $"O2: version {version} of the parameters is not that of the run without faults");
        }

        if (unknown > 0)
        {
            context.Notes.Add($"{unknown} of {found.Length} hashes of the chain are unknown: lost with a coordinator, or with a disk");
        }
    }

    /// <summary>O3: every shard of every step counted exactly once, and nothing of an older incarnation.</summary>
    private static void CountedOnce(Cluster cluster, long steps)
    {
        string? damage = null;
        var records = Ledger.ReadAll(DiskFileSystem.Instance, Path.Combine(cluster.RunDirectory, RunJournal.LedgerName), warning => damage = warning);
        RowContext.Expect(damage is null, $"O3: {damage}");
        var violation = Ledger.Verify(records, BaseRun.Shards, steps);
        RowContext.Expect(violation is null, $"O3: {violation}");
    }

    /// <summary>O5: documented exit codes, nobody left behind.</summary>
    private static async Task EndedInOrderAsync(Cluster cluster, int expected)
    {
        var code = await cluster.Coordinator.ExitAsync(ExitTime);
        RowContext.Expect(code == expected, $"O5: the coordinator ended with {code}, not {expected}\n{cluster.Coordinator.Errors}");
        // Who had not found the coordinator yet still looks for it.
        var joined = cluster.Events.Workers("joined").Select(joined => joined.Event.ProcessId).ToHashSet();
        foreach (var worker in cluster.Workers.Where(worker => worker is { WasKilled: false, IsDoomed: false } && joined.Contains(worker.Id)))
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
