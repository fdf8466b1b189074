using System.Globalization;

namespace DistTrain.Chaos.Rows;

/// <summary>Machines that are short of something, or different (T3, T4, D4, D5, N11).</summary>
internal static class Limits
{
    /// <summary>T3: no descriptors left for those who come.</summary>
    public static async Task NoDescriptors(RowContext context)
    {
        const int Guests = 12;
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(2);
        await cluster.ReachAsync(200);
        var coordinator = cluster.Coordinator.Id.ToString(CultureInfo.InvariantCulture);
        var limit = ProcessUsage.Of(cluster.Coordinator.Id).FileDescriptors + 6;
        await Tools.RequireAsync("prlimit", "--pid", coordinator, $"--nofile={limit}:");
        var from = cluster.Events.Count;
        var guests = Enumerable.Range(0, Guests).Select(_ => cluster.StartWorker()).ToArray();
        foreach (var guest in guests)
        {
            await guest.SaysAsync("Looking for the coordinator", Cluster.Patience);
            context.Fired();
        }

        await cluster.AdvanceAsync(500);
        RowContext.Expect(cluster.Events.Workers("joined", from).Count < Guests, "O6: all guests got in");
        RowContext.Expect(cluster.Events.Workers("lost", from).Count == 0, "a worker was lost for want of descriptors");
        await Tools.RequireAsync("prlimit", "--pid", coordinator, "--nofile=4096:");
        foreach (var guest in guests)
        {
            await cluster.WorkerEventAsync("joined", guest.Id, from);
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(3));
        context.ExpectFired(Guests);
    }

    /// <summary>T4: the whole cluster shares a tenth of a core.</summary>
    public static async Task Starved(RowContext context)
    {
        using var quota = CpuQuota.Create(0.1);
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(200);
        var from = cluster.Events.Count;
        foreach (var process in cluster.Workers.Append(cluster.Coordinator))
        {
            quota.Add(process.Id);
        }

        await Task.Delay(TimeSpan.FromSeconds(30));
        for (var i = 0; i < quota.ThrottledTimes(); i++)
        {
            context.Fired();
        }

        quota.Lift();
        await cluster.AdvanceAsync(200);
        var lost = cluster.Events.Workers("lost", from);
        RowContext.Expect(lost.Count == 0, $"{lost.Count} false deaths: {(lost.Count > 0 ? lost[0].Event.Reason : "")}");
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(10));
        context.ExpectFired(100);
    }

    /// <summary>D4: workers of other vector widths beside the widest.</summary>
    public static async Task OtherWidths(RowContext context)
    {
        var run = await context.Calm.LastingAsync(3);
        await using var cluster = context.Cluster(run);
        await cluster.StartCoordinatorAsync("--workers", "3");
        cluster.StartWorker();
        foreach (var variable in (string[])["DOTNET_EnableAVX512", "DOTNET_EnableAVX2"])
        {
            cluster.WorkerEnvironment = new Dictionary<string, string> { [variable] = "0" };
            cluster.StartWorker();
            context.Fired();
        }

        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        var widths = cluster.Events.Workers("joined").Select(joined => joined.Event.Reason!.Split(',')[1].Trim()).Distinct().ToArray();
        context.Notes.Add(string.Join("; ", widths));
        RowContext.Expect(widths.Length > 1, "O6: all workers computed in the same width");
        context.ExpectFired(2);
    }

    /// <summary>D5: a worker whose data file has one wrong byte gets the right ones from the coordinator.</summary>
    public static async Task DamagedData(RowContext context)
    {
        if (BaseRun.Dataset != "mnist")
        {
            throw new RowNotRunException("needs DISTTRAIN_DATA with the files of mnist");
        }

        var data = Directory.CreateDirectory(Path.Combine(context.Directory, "data", "mnist")).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Environment.GetEnvironmentVariable("DISTTRAIN_DATA")!, "mnist")))
        {
            File.Copy(file, Path.Combine(data, Path.GetFileName(file)));
        }

        var victim = Directory.GetFiles(data).MaxBy(file => new FileInfo(file).Length)!;
        using (var stream = new FileStream(victim, FileMode.Open, FileAccess.ReadWrite))
        {
            stream.Position = stream.Length / 2;
            var value = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(value ^ 1));
        }

        var run = await context.Calm.LastingAsync(4);
        await using var cluster = context.Cluster(run);
        await cluster.StartCoordinatorAsync("--workers", "2");
        cluster.StartWorker();
        cluster.WorkerEnvironment = new Dictionary<string, string> { ["XDG_CACHE_HOME"] = Path.Combine(context.Directory, "cache") };
        var damaged = cluster.StartWorker("--data", Path.GetDirectoryName(data)!);
        await damaged.SaysAsync("Asking the coordinator for dataset", Cluster.Patience);
        context.Fired();
        await cluster.WorkerEventAsync("joined", damaged.Id, 0);
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(1);
    }

    /// <summary>N11: fifty workers come back when a coordinator restarts.</summary>
    public static async Task Storm(RowContext context)
    {
        const int Workers = 50;
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        cluster.CoordinatorOptions = ["--checkpoint-every", "200"];
        await cluster.StartAsync(1);
        cluster.StartFaultyWorker(context.Fired, isDoomed: false, "flock", Workers.ToString(CultureInfo.InvariantCulture));
        await AllJoinAsync(cluster, Workers + 1, 0);
        await cluster.SavedAsync(1);
        var from = cluster.Events.Count;
        var at = cluster.Events.Now;
        await CoordinatorFaults.KillAndRestartAsync(context, cluster, "with fifty workers");
        await AllJoinAsync(cluster, Workers + 1, from);
        context.Notes.Add(FormattableString.Invariant($"all {Workers + 1} back after {(cluster.Events.Now - at).TotalSeconds:0.0} s; {ProcessUsage.Of(cluster.Coordinator.Id)}"));
        await cluster.AdvanceAsync(100);
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(10));
        context.ExpectFired(1);
    }

    private static async Task AllJoinAsync(Cluster cluster, int count, int from)
    {
        while (cluster.Events.Workers("joined", from).Count < count)
        {
            await cluster.WorkerEventAsync("joined", null, cluster.Events.Count);
        }
    }
}
