using System.Net;
using DistTrain.Cli.Runs;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using LoopbackProxy = DistTrain.Cluster.Tests.LoopbackProxy;

namespace DistTrain.Chaos.Rows;

/// <summary>Wires that delay, damage, lose and repeat (N rows that need no privileges).</summary>
internal static class Wires
{
    /// <summary>N6: 200 ± 100 ms on every message, then ten seconds of nothing in the middle of one.</summary>
    public static async Task DelayAndStall(RowContext context)
    {
        var stall = TimeSpan.FromSeconds(10);
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(2);
        var random = context.Random;
        var passed = 0;
        var isOver = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var proxy = new LoopbackProxy(IPEndPoint.Parse(cluster.Address), async (bytes, _) =>
        {
            // In order per direction, so each piece waits where it is: a narrow pipe of great length.
            context.Fired();
            await Task.Delay(TimeSpan.FromMilliseconds(100 + random.Next(200)));
            if (Interlocked.Increment(ref passed) == 60)
            {
                await Task.Delay(stall);
                isOver.TrySetResult();
            }

            return bytes.Length;
        });
        var slow = cluster.StartWorkerAt(proxy.EndPoint.ToString());
        await cluster.WorkerEventAsync("joined", slow.Id, 0);
        await isOver.Task.WaitAsync(Cluster.Patience);
        await cluster.AdvanceAsync(50);
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(5));
        context.ExpectFired(60);
    }

    /// <summary>N8: bits flipped on the wire; and ten thousand against the checksum alone.</summary>
    public static async Task FlipBits(RowContext context)
    {
        FlipInMemory(context, 10_000);
        await FlipOnTheWireAsync(context, isSecure: false);
    }

    /// <summary>N8t: the same under TLS, which ends the connection.</summary>
    public static Task FlipBitsUnderTls(RowContext context) => FlipOnTheWireAsync(context, isSecure: true);

    private static async Task FlipOnTheWireAsync(RowContext context, bool isSecure)
    {
        const int Flips = 12;
        const int BytesBetweenFlips = 2_000_000;
        var run = await context.Calm.LastingAsync(8);
        await using var cluster = context.Cluster(run);
        if (isSecure)
        {
            cluster.Secure();
        }

        await cluster.StartAsync(2);
        var gate = new Lock();
        var (left, next) = (Flips, BytesBetweenFlips);
        await using var proxy = new LoopbackProxy(IPEndPoint.Parse(cluster.Address), (bytes, _) =>
        {
            lock (gate)
            {
                next -= bytes.Length;
                if (next < 0 && left > 0)
                {
                    bytes.Span[context.Random.Next(bytes.Length)] ^= (byte)(1 << context.Random.Next(8));
                    next = BytesBetweenFlips;
                    left--;
                    context.Fired("wire");
                }
            }

            return ValueTask.FromResult(bytes.Length);
        });
        cluster.StartWorkerAt(proxy.EndPoint.ToString());
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(4));
        context.Notes.Add($"{context.FiredCount("wire")} bits flipped on the wire, {context.Injected - context.FiredCount("wire")} in memory: 0 accepted");
        RowContext.Expect(context.FiredCount("wire") == Flips, $"O6: {context.FiredCount("wire")} bits were flipped on the wire, {Flips} were planned");
    }

    /// <summary>N8b: a bit flipped in what the run is, of which everything a worker computes follows.</summary>
    public static async Task FlipWelcome(RowContext context)
    {
        var run = await context.Calm.LastingAsync(4);
        await using var cluster = context.Cluster(run);
        await cluster.StartCoordinatorAsync("--workers", "2");
        cluster.StartWorker();
        cluster.StartFaultyWorker(context.Fired, isDoomed: true, "flips-welcome");
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(3));
        context.ExpectFired(1);
    }

    /// <summary>N10: partials and leases repeated, delayed, overtaken and lost.</summary>
    public static async Task UnreliableMessages(RowContext context)
    {
        const int Losses = 4;
        const int Faults = 80;
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(2);
        var seed = context.Random.Next().ToString(System.Globalization.CultureInfo.InvariantCulture);
        var unreliable = cluster.StartFaultyWorker(
            context.Fired, isDoomed: false, "unreliable", seed, "0.02", Losses.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await cluster.WorkerEventAsync("joined", unreliable.Id, 0);
        while (context.FiredCount("lost") + context.FiredCount("held") < Losses || context.Injected < Faults)
        {
            await cluster.AdvanceAsync(100);
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(4));
        foreach (var kind in (string[])["repeated a partial", "repeated lease", "delayed"])
        {
            RowContext.Expect(context.FiredCount(kind) > 0, $"O6: nothing was {kind}");
        }

        var lost = context.FiredCount("lost") + context.FiredCount("held");
        RowContext.Expect(lost > 0, "O6: nothing was lost");
        context.Notes.Add(
            $"{context.FiredCount("repeated a partial")} partials and {context.FiredCount("repeated lease")} leases repeated, {context.FiredCount("delayed")} delayed, {lost} lost or overtaken");
    }

    /// <summary>N12: reads nothing any more in the middle of a broadcast.</summary>
    public static async Task SlowReader(RowContext context)
    {
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(2);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (passed, isStalled) = (0L, 0);
        await using var proxy = new LoopbackProxy(IPEndPoint.Parse(cluster.Address), async (bytes, isToTarget) =>
        {
            // Once: the connection on which parameters come.
            if (!isToTarget && Interlocked.Add(ref passed, bytes.Length) > 10_000_000 && bytes.Length > 1_000 && Interlocked.Exchange(ref isStalled, 1) == 0)
            {
                context.Fired();
                await end.Task;
            }

            return bytes.Length;
        });
        var slow = cluster.StartWorkerAt(proxy.EndPoint.ToString());
        await cluster.WorkerEventAsync("joined", slow.Id, 0);
        // Not later than the deadline for one message.
        var lost = (WorkerChanged)(await cluster.WorkerEventAsync("lost", slow.Id, 0, TimeSpan.FromSeconds(60))).Event;
        context.Notes.Add($"dropped: {lost.Reason}");
        end.SetResult();
        await cluster.AdvanceAsync(200);
        slow.Kill();
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(1);
    }

    /// <summary>One bit of header or gradient, ten thousand times: the checksum refuses each.</summary>
    private static void FlipInMemory(RowContext context, int flips)
    {
        var gradient = new byte[RunSizes.GradientBytes];
        context.Random.NextBytes(gradient);
        var header = new PartialHeader
        {
            LeaseId = 7,
            Kind = RoundKind.Training,
            Version = 11,
            FirstShard = 4,
            EndShard = 8,
            SampleCount = 25,
            LengthBytes = (ulong)gradient.Length,
            Number = 1,
        };
        var end = new PartialEnd { Number = 1, LossSum = 1.5, CorrectCount = 3 };
        end.Checksum = Checksum.Of(header, end, gradient);
        var received = new byte[gradient.Length];
        for (var i = 0; i < flips; i++)
        {
            var bit = context.Random.Next(gradient.Length * 8);
            gradient[bit / 8] ^= (byte)(1 << (bit % 8));
            var reader = new GradientReader(received, gradient.Length);
            foreach (var (_, chunk) in Chunks.FromTheEnd(gradient, gradient.Length, header.Number))
            {
                reader.Accept(chunk.Data.Span);
            }

            RowContext.Expect(!Checksum.Of(header, end, received).Equals(end.Checksum), $"bit {bit} was flipped and nobody noticed");
            gradient[bit / 8] ^= (byte)(1 << (bit % 8));
            context.Fired();
        }

        RowContext.Expect(Checksum.Of(header, end, gradient).Equals(end.Checksum), "the checksum refuses what is right");
    }
}
