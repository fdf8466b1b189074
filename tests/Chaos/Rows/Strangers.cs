using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DistTrain.Cli.Runs;
using DistTrain.Coordinator.Identity;
using DistTrain.Transport.Identity;

namespace DistTrain.Chaos.Rows;

/// <summary>Whoever comes to the port and is no worker (N9, H1).</summary>
internal static class Strangers
{
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(20);

    // What docs/security.md promises of a flood of log lines.
    private const int MostLinesOfOne = 3;
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);

    /// <summary>N9: another protocol, noise, half a greeting, nothing.</summary>
    public static Task Garbage(RowContext context) => GarbageAsync(context, isSecure: false);

    /// <summary>N9t: the same where TLS is expected.</summary>
    public static Task GarbageToTls(RowContext context) => GarbageAsync(context, isSecure: true);

    private static async Task GarbageAsync(RowContext context, bool isSecure)
    {
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        if (isSecure)
        {
            cluster.Secure();
        }

        await cluster.StartAsync(3);
        await cluster.ReachAsync(500);
        var before = ProcessUsage.Of(cluster.Coordinator.Id);
        var noise = new byte[64 * 1024];
        context.Random.NextBytes(noise);
        byte[][] greetings =
        [
            Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            noise,
            // The beginning of TLS, and of HTTP/2 cut short and followed by noise.
            [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, .. noise.AsSpan(0, 506)],
            Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n"),
            [.. Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), .. noise.AsSpan(0, 4096)],
        ];
        await Task.WhenAll(Enumerable.Range(0, 4).SelectMany(_ => greetings).Select(greeting => KnockAsync(context, IPEndPoint.Parse(cluster.Address), greeting)));
        await cluster.AdvanceAsync(500);
        Oracles.NothingLeaked(context, before, ProcessUsage.Of(cluster.Coordinator.Id));
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(4 * greetings.Length);
    }

    /// <summary>H1: a worker that computes other bits is refused for good, by name and address, and the run does not care.</summary>
    public static async Task Refused(RowContext context)
    {
        const int Times = 3;
        var run = await context.Calm.LastingAsync(4);
        await using var cluster = context.Cluster(run);
        await cluster.StartAsync(3);
        await cluster.ReachAsync(run.Steps / 20);
        for (var i = 0; i < Times; i++)
        {
            var from = cluster.Events.Count;
            var stranger = cluster.StartFaultyWorker(context.Fired, isDoomed: true, "wrong-answer");
            var refused = (WorkerChanged)(await cluster.WorkerEventAsync("refused", null, from)).Event;
            context.Fired();
            RowContext.Expect(refused.Worker?.Contains("127.0.0.1:", StringComparison.Ordinal) == true, $"the refusal does not name the peer: {refused.Worker}");
            var code = await stranger.ExitAsync(TimeSpan.FromSeconds(10));
            RowContext.Expect(code == 2, $"the refused worker ended with {code}, 2 is documented");
        }

        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(Times);
    }

    /// <summary>H1 with TLS: a wrong token, a token and authority of somebody else's, a certificate of somebody else's, and no credentials at all.</summary>
    public static async Task WithoutCredentials(RowContext context)
    {
        var now = TimeProvider.System.GetUtcNow();
        var run = await context.Calm.LongAsync();
        await using var cluster = context.Cluster(run);
        cluster.Secure();
        await cluster.StartAsync(2);
        await cluster.ReachAsync(500);
        using var other = IdentityDirectory.Open(Path.Combine(context.Directory, "other"), now);
        var foreign = Path.Combine(context.Directory, "foreign.pem");
        using (var certificate = other.Authority.IssueWithKey(new PeerIdentity(PeerRole.Worker, "me", ""), now, CertificateAuthority.WorkerLifetime))
        using (var ours = IdentityDirectory.Open($"{cluster.RunDirectory}-identity", now))
        {
            // It knows whom to talk to, and is not known there.
            using var credentials = new PeerCredentials(certificate, X509CertificateLoader.LoadCertificate(ours.Authority.Certificate.RawData));
            PrivateFile.Write(foreign, credentials.ToPem());
        }

        (string[] Options, bool IsTold)[] strangers =
        [
            (["--token", JoinToken.Create().Reveal()], true),
            (["--token", other.Tokens.Create(now, TimeSpan.FromHours(1)).Reveal()], true),
            (["--token", other.Tokens.Create(now, TimeSpan.FromHours(1)).Reveal(), "--ca-hash", other.Authority.Hash], false),
            (["--certificate", foreign], true),
        ];
        foreach (var (options, isTold) in strangers)
        {
            // Of one address so many lines are written in an interval; another one would never come.
            while (cluster.Events.Workers("refused") is { Count: >= MostLinesOfOne } told && cluster.Events.Now - told[^MostLinesOfOne].At < LineInterval)
            {
                await cluster.AdvanceAsync(50);
            }

            var from = cluster.Events.Count;
            var stranger = cluster.StartWorkerAt(cluster.Address, options);
            if (isTold)
            {
                var refused = (WorkerChanged)(await cluster.WorkerEventAsync("refused", null, from)).Event;
                RowContext.Expect(refused.Worker?.Contains("127.0.0.1:", StringComparison.Ordinal) == true, $"the refusal does not name the peer: {refused.Worker}");
            }

            var code = await stranger.ExitAsync(Cluster.Patience);
            RowContext.Expect(code == 2, $"the refused worker ended with {code}, 2 is documented: {stranger.Errors}");
            context.Fired();
        }

        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(strangers.Length);
    }

    /// <summary>Says something wrong, and must be hung up on.</summary>
    private static async Task KnockAsync(RowContext context, IPEndPoint address, byte[] greeting)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address);
        using var deadline = new CancellationTokenSource(CloseTime);
        var buffer = new byte[4096];
        try
        {
            await socket.SendAsync(greeting, deadline.Token);
            while (await socket.ReceiveAsync(buffer, deadline.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset: hung up as well.
        }
        catch (OperationCanceledException)
        {
            throw new RowFailedException($"the coordinator keeps a stranger who said {Convert.ToHexString(greeting.AsSpan(0, Math.Min(16, greeting.Length)))} for {CloseTime.TotalSeconds:0} s");
        }

        context.Fired();
    }
}
