using System.Globalization;

namespace DistTrain.Chaos.Rows;

/// <summary>Real links that break, reset, narrow and lose (N1 to N5, N7): a network namespace per worker.</summary>
internal static class Links
{
    private static readonly TimeSpan DeadBound = TimeSpan.FromSeconds(3.5);
    private static readonly TimeSpan RejoinBound = TimeSpan.FromSeconds(30);

    /// <summary>N1: cut in both directions for 1, 10 and 60 s.</summary>
    public static Task Partition(RowContext context) => CutAsync(context, ["INPUT", "OUTPUT"], [1, 10, 60], lasting: 240);

    /// <summary>N2: cut in one direction for 10 s, then in the other.</summary>
    public static async Task OneWay(RowContext context)
    {
        await CutAsync(context, ["INPUT"], [10]);
        await CutAsync(context, ["OUTPUT"], [10]);
    }

    /// <summary>N3: reset by a firewall.</summary>
    public static async Task Reset(RowContext context)
    {
        await using var link = await Link.CreateAsync(context);
        for (var i = 0; i < 3; i++)
        {
            await link.Cluster.AdvanceAsync(context.Random.Next(100, 400));
            var from = link.Cluster.Events.Count;
            // What resets the worker's packets keeps its own resets from the coordinator: it learns of them when the rule is gone.
            string[] rule = ["INPUT", "-s", "10.9.1.2", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"];
            await Tools.RequireAsync(["iptables", "-A", .. rule]);
            await Task.Delay(TimeSpan.FromSeconds(0.3));
            await Tools.RequireAsync(["iptables", "-D", .. rule]);
            var healed = link.Cluster.Events.Now;
            var lost = await link.Cluster.WorkerEventAsync("lost", link.Worker.Id, from);
            context.Fired();
            var joined = await link.Cluster.WorkerEventAsync("joined", link.Worker.Id, from, RejoinBound);
            context.Notes.Add(FormattableString.Invariant($"noticed {(lost.At - healed).TotalSeconds:0.00} s and back {(joined.At - healed).TotalSeconds:0.00} s after it was over"));
            RowContext.Expect(lost.At - healed <= TimeSpan.FromSeconds(1), "a reset was noticed late");
            RowContext.Expect(joined.At - healed <= TimeSpan.FromSeconds(3), "a worker came back late after a reset");
        }

        await link.JudgeAsync(context, 3);
    }

    /// <summary>N4: the link goes down without a word.</summary>
    public static async Task Down(RowContext context)
    {
        await using var link = await Link.CreateAsync(context);
        var before = ProcessUsage.Of(link.Cluster.Coordinator.Id);
        for (var i = 0; i < 3; i++)
        {
            var from = link.Cluster.Events.Count;
            var at = link.Cluster.Events.Now;
            await Tools.RequireAsync("ip", "link", "set", "c1", "down");
            context.Fired();
            var lost = await link.Cluster.WorkerEventAsync("lost", link.Worker.Id, from);
            RowContext.Expect(lost.At - at <= DeadBound, FormattableString.Invariant($"the loss was found after {(lost.At - at).TotalSeconds:0.00} s"));
            await Tools.RequireAsync("ip", "link", "set", "c1", "up");
            await link.Cluster.WorkerEventAsync("joined", link.Worker.Id, from, RejoinBound);
        }

        Oracles.NothingLeaked(context, before, ProcessUsage.Of(link.Cluster.Coordinator.Id));
        await link.JudgeAsync(context, 3);
    }

    /// <summary>N5: one megabit a second.</summary>
    public static async Task Narrow(RowContext context)
    {
        await using var link = await Link.CreateAsync(context);
        var from = link.Cluster.Events.Count;
        string[] narrow = ["root", "tbf", "rate", "1mbit", "burst", "32kbit", "latency", "400ms"];
        await Tools.RequireAsync(["tc", "qdisc", "add", "dev", "c1", .. narrow]);
        await Network.ThereAsync(1, ["tc", "qdisc", "add", "dev", "v1", .. narrow]);
        await Task.Delay(TimeSpan.FromSeconds(15));
        var text = await Tools.RequireAsync("tc", "-s", "qdisc", "show", "dev", "c1");
        var heldBack = int.Parse(System.Text.RegularExpressions.Regex.Match(text, @"overlimits (\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
        context.Notes.Add($"held back {heldBack} times");
        context.Fired();
        RowContext.Expect(heldBack > 0, "O6: the link held nothing back");
        NobodyLost(link, from);
        await Tools.RequireAsync("tc", "qdisc", "del", "dev", "c1", "root");
        await Network.ThereAsync(1, "tc", "qdisc", "del", "dev", "v1", "root");
        await link.JudgeAsync(context, 1);
    }

    /// <summary>N7: every twentieth packet is lost.</summary>
    public static async Task Lossy(RowContext context)
    {
        await using var link = await Link.CreateAsync(context);
        var from = link.Cluster.Events.Count;
        await Network.LoseAsync(1, 0.05);
        await Task.Delay(TimeSpan.FromSeconds(15));
        var dropped = await Network.DroppedAsync(1);
        context.Notes.Add($"{dropped} packets lost");
        for (var i = 0; i < dropped; i++)
        {
            context.Fired();
        }

        NobodyLost(link, from);
        await Network.HealAsync(1);
        await link.JudgeAsync(context, 10);
    }

    private static async Task CutAsync(RowContext context, string[] directions, int[] seconds, double lasting = 90)
    {
        var fired = context.Injected;
        await using var link = await Link.CreateAsync(context, lasting);
        foreach (var time in seconds)
        {
            var from = link.Cluster.Events.Count;
            var at = link.Cluster.Events.Now;
            foreach (var direction in directions)
            {
                await Network.DropAsync(1, direction);
            }

            await Task.Delay(TimeSpan.FromSeconds(time));
            context.Fired();
            var lost = link.Cluster.Events.Workers("lost", from);
            RowContext.Expect(await Network.DroppedAsync(1) > 0, "O6: nothing was dropped");
            await Network.HealAsync(1);
            if (time < DeadBound.TotalSeconds)
            {
                await link.Cluster.AdvanceAsync(200);
                NobodyLost(link, from);
                continue;
            }

            RowContext.Expect(lost.Count == 1 && lost[0].At - at <= DeadBound, $"cut for {time} s, the worker was found lost {lost.Count} times{(lost.Count > 0 ? $", after {(lost[0].At - at).TotalSeconds:0.0} s" : "")}");
            var healed = link.Cluster.Events.Now;
            var joined = await link.Cluster.WorkerEventAsync("joined", link.Worker.Id, from, RejoinBound);
            context.Notes.Add(FormattableString.Invariant(
                $"{string.Join("+", directions)} for {time} s: found after {(lost[0].At - at).TotalSeconds:0.0} s, back {(joined.At - healed).TotalSeconds:0.0} s after it healed"));
        }

        await link.JudgeAsync(context, fired + seconds.Length);
    }

    private static void NobodyLost(Link link, int from)
    {
        var lost = link.Cluster.Events.Workers("lost", from);
        RowContext.Expect(lost.Count == 0, $"a worker was declared dead: {(lost.Count > 0 ? lost[0].Event.Reason : "")}");
    }

    /// <summary>A run of two workers here and one at the end of a cable.</summary>
    private sealed record Link(Network Cables, Cluster Cluster, ChaosProcess Worker) : IAsyncDisposable
    {
        public static async Task<Link> CreateAsync(RowContext context, double lasting = 90)
        {
            var network = await Network.CreateAsync(1);
            var cluster = context.Cluster(await context.Calm.LongAsync(lasting));
            cluster.ListenEverywhere();
            await cluster.StartCoordinatorAsync("--workers", "3");
            cluster.StartWorker();
            cluster.StartWorker();
            cluster.WorkerPrefix = Network.There(1);
            var worker = cluster.StartWorkerAt($"10.9.1.1:{cluster.Port}");
            await cluster.ReachAsync(200);
            return new Link(network, cluster, worker);
        }

        public async Task JudgeAsync(RowContext context, int fired)
        {
            await Cluster.AdvanceAsync(200);
            await Oracles.StopAndJudgeAsync(context, Cluster, TimeSpan.FromSeconds(4));
            context.ExpectFired(fired);
        }

        public async ValueTask DisposeAsync()
        {
            await Cluster.DisposeAsync();
            await Cables.DisposeAsync();
        }
    }
}
