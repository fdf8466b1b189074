using System.Globalization;
using System.Text.RegularExpressions;
using DistTrain.Cli.Runs;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Chaos.Rows;

/// <summary>Disks that are full or fail, and deaths at system calls (S1 to S3, with the real programs).</summary>
internal static partial class Disks
{
    /// <summary>Longer than between two lines of the run's metrics.</summary>
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(3);

    /// <summary>S1: full, until there is room again.</summary>
    public static async Task Full(RowContext context)
    {
        Tools.RequireNamespaces();
        var disk = Path.Combine(context.Directory, "disk");
        Directory.CreateDirectory(disk);
        await Tools.RequireAsync("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk);
        try
        {
            var run = await context.Calm.LongAsync();
            await using var cluster = new Cluster(run, Path.Combine(disk, "run"));
            cluster.CoordinatorOptions = ["--checkpoint-every", "200"];
            await cluster.StartAsync(2);
            await cluster.SavedAsync(1);
            var from = cluster.Events.Count;
            var filler = Path.Combine(disk, "filler");
            Fill(filler, leaving: 64 * 1024);
            // Two in a row.
            await FailedSaveAsync(cluster, from, context);
            await FailedSaveAsync(cluster, cluster.Events.Count, context);
            using (var newest = Newest(cluster))
            {
                RowContext.Expect(newest is not null, "on the full disk no checkpoint loads");
            }

            // Now to the last byte: the logs of the run find no room either.
            Fill(filler + "-2", leaving: 0);
            await Task.Delay(LogInterval);
            await cluster.AdvanceAsync(300);
            File.Delete(filler + "-2");
            File.Delete(filler);
            await cluster.SavedAsync(1, cluster.Events.Count);
            await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
            context.ExpectFired(2);
        }
        finally
        {
            await Tools.RequireAsync("umount", "-l", disk);
        }
    }

    /// <summary>S2: fsync fails three times, then writes do.</summary>
    public static async Task Failing(RowContext context)
    {
        foreach (var fault in (string[])["fsync:error=EIO:when=12..14", "pwrite64:error=ENOSPC:when=60..62"])
        {
            var trace = Path.Combine(context.Directory, $"trace-{context.Injected}");
            var run = await context.Calm.LongAsync();
            await using var cluster = context.Cluster(run);
            cluster.CoordinatorOptions = ["--checkpoint-every", "100"];
            cluster.CoordinatorPrefix = ["strace", "-D", "-f", "--seccomp-bpf", "-o", trace, "-e", "trace=fsync,openat,close,pwrite64", "-e", $"inject={fault}"];
            await cluster.StartAsync(2);
            await FailedSaveAsync(cluster, 0, context);
            await cluster.SavedAsync(1, cluster.Events.Count);
            await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(5));
            var injected = File.ReadLines(trace).Count(line => line.Contains("(INJECTED)", StringComparison.Ordinal));
            context.Notes.Add($"{fault}: {injected} system calls failed");
            RowContext.Expect(injected > 0, "O6: no system call failed");
            NeverSyncedAgain(trace);
        }

        context.ExpectFired(2);
    }

    /// <summary>S3: killed at random system calls of a run that saves, by the kernel; gone on with each time.</summary>
    public static async Task KilledAtCalls(RowContext context)
    {
        // With how often the thread that saves makes them in such a run; unlink and rmdir belong to the deletion of old checkpoints.
        (string Name, int Most)[] calls = [("pwrite64", 80), ("fsync", 40), ("rename", 14), ("mkdir", 8), ("unlink", 24), ("rmdir", 6)];
        const int Times = 18;
        var run = new BaseRun(400);
        var calm = await context.Calm.Of(run);
        for (var i = 0; i < Times; i++)
        {
            var path = Path.Combine(context.Directory, FormattableString.Invariant($"killed-{i}"));
            var (call, most) = calls[i % calls.Length];
            var when = context.Random.Next(1, most);
            string[] command = [Programs.DistTrain, "train", "--workers", "0", "--threads", "1", .. run.Arguments, "--checkpoint-every", "40", "--keep-checkpoints", "2", "--json", "--out", path];
            await using (var killed = ChaosProcess.Start(
                ["strace", "-f", "-o", path + ".trace", "-e", $"trace={call}", "-e", $"inject={call}:signal=SIGKILL:when={when}", .. command], "traced", Programs.NoEnvironment))
            {
                if (await killed.ExitAsync(Cluster.Patience) != 0)
                {
                    context.Fired(call);
                }
            }

            await using var again = ChaosProcess.Start([.. command, "--resume", "auto"], "resumed", Programs.NoEnvironment);
            var code = await again.ExitAsync(Cluster.Patience);
            RowContext.Expect(code == 0, $"killed at {call} number {when}, the run does not go on: {code}\n{again.Errors}");
            var metrics = File.ReadLines(Path.Combine(path, "metrics.jsonl")).Select(Cli.Runs.RunEvent.FromJson).OfType<Completed>().Last();
            RowContext.Expect(metrics.ParametersSha256 == calm.Hash, $"O1: killed at {call} number {when}, the run ends in {metrics.ParametersSha256}");
        }

        context.Notes.Add(string.Join(", ", calls.Select(call => $"{call.Name} {context.FiredCount(call.Name)}")));
        context.ExpectFired(Times / 2);
    }

    private static async Task FailedSaveAsync(Cluster cluster, int from, RowContext context)
    {
        var failed = (CheckpointDone)(await cluster.SaveFailedAsync(from)).Event;
        context.Fired();
        context.Notes.Add($"step {failed.Step}: {failed.Reason}");
    }

    private static LoadedCheckpoint? Newest(Cluster cluster) =>
        new CheckpointStore(DiskFileSystem.Instance, Path.Combine(cluster.RunDirectory, RunJournal.CheckpointsName)).LoadNewest(_ => { });

    private static void Fill(string path, int leaving)
    {
        // Small at the end: to the last page.
        var block = new byte[4 * 1024];
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            file.SetLength(Math.Max(0, file.Length - leaving));
        }
    }

    /// <summary>A descriptor whose fsync has failed may have lost its data and say nothing the second time.</summary>
    private static void NeverSyncedAgain(string trace)
    {
        var failed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(trace))
        {
            if (Call().Match(line) is not { Success: true } match)
            {
                continue;
            }

            var (call, descriptor) = (match.Groups[1].Value, match.Groups[2].Value);
            RowContext.Expect(call != "fsync" || !failed.Contains(descriptor), $"descriptor {descriptor} was fsynced again after a failure: {line}");
            if (call == "fsync" && line.Contains("EIO", StringComparison.Ordinal))
            {
                failed.Add(descriptor);
            }
            else if (call == "close")
            {
                failed.Remove(descriptor);
            }
        }
    }

    [GeneratedRegex(@"\b(fsync|close)\((\d+)")]
    private static partial Regex Call();
}
