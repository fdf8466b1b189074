using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DistTrain.Cli.Runs;

namespace DistTrain.Chaos.Rows;

/// <summary>Strangers who want the coordinator's time and memory (H2). Each comes from an address of its own: the network 127.0.0.0/8 is this machine's.</summary>
internal static class Floods
{
    private const int IdleConnections = 1_000;
    private const int IdleAddresses = 20;
    private const int SlowConnections = 50;
    private const int Resets = 100_000;

    // Sixteen of them take a TLS handshake: 150 of those a second, at 2 ms of the coordinator's time each, are about what two cores bear beside a run.
    private const int ResetsPerSecond = 2_500;
    private const int ResetRounds = 20;

    private const long StepsToMeasure = 10_000;
    private const long Endless = 100_000_000;

    /// <summary>How much longer a step may take meanwhile.</summary>
    private const double AllowedSlowdown = 1.2;

    // What docs/security.md promises.
    private const int MostStrangersOfOne = 64;
    private const int MostStrangers = 512;
    private const int MostLinesOfOne = 3;
    private const int MostLines = 20;
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PatienceWithStrangers = TimeSpan.FromSeconds(10);

    /// <summary>What a busy machine adds to a time.</summary>
    private static readonly TimeSpan Allowance = TimeSpan.FromSeconds(5);

    /// <summary>The longest that one attack may take.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    /// <summary>
    /// H2: a thousand connections that say nothing, of one address and then of twenty; fifty that say a byte a second; messages of two and of four gigabytes,
    /// the most that a frame can declare (eight, in a header of ours: <c>StrangerTests</c>); and a hundred thousand streams begun and reset. The strangers are
    /// this process, and stand for other machines: what they do costs the coordinator whatever it costs, and they get what coordinator and worker leave of the processors.
    /// </summary>
    public static async Task Flood(RowContext context)
    {
        await using var cluster = context.Cluster(new BaseRun(Endless));
        if (Environment.IsPrivilegedProcess && OperatingSystem.IsLinux())
        {
            cluster.CoordinatorPrefix = cluster.WorkerPrefix = ["nice", "-n", "-10"];
        }
        else
        {
            context.Notes.Add("the attackers share this machine's processors with the run: without root they cannot be put behind it");
        }

        cluster.Secure();
        await cluster.StartAsync(1);
        await cluster.ReachAsync(4_000);
        var before = ProcessUsage.Of(cluster.Coordinator.Id);
        var address = IPEndPoint.Parse(cluster.Address);
        var (from, began) = (cluster.Events.Count, Stopwatch.GetTimestamp());
        string? small = null, huge = null;
        var resets = new ResetCounts();
        Attack[] attacks =
        [
            await MeasureAsync($"{IdleConnections} idle connections of one address, and two huge messages", 1, async stop =>
            {
                var idling = IdleAsync(context, address, [Loopback(0, 2)], MostStrangersOfOne, stop);
                // Whose places they do not take.
                small = await DeclareAsync(context, address, 0x7fff_ffff, stop);
                huge = await DeclareAsync(context, address, 0xffff_ffff, stop);
                await idling;
            }),
            await MeasureAsync(
                $"{IdleConnections} idle connections of {IdleAddresses} addresses", 1,
                stop => IdleAsync(context, address, [.. Enumerable.Range(1, IdleAddresses).Select(i => Loopback(1, i))], MostStrangers, stop)),
            await MeasureAsync($"{SlowConnections} connections of a byte a second", 1, stop => DripAsync(context, cluster, address, stop)),
            // A busy machine is now faster and now slower: short times with and without the attack in turn tell more.
            await MeasureAsync($"{Resets} streams begun and reset", ResetRounds, stop => ResetAsync(context, address, Resets / ResetRounds, resets, stop)),
        ];
        context.Notes.Add(resets.ToString());
        context.Notes.Add($"messages of 2 and 4 GB were answered with status {small} and {huge}");
        var lasted = Stopwatch.GetElapsedTime(began);
        Oracles.NothingLeaked(context, before, ProcessUsage.Of(cluster.Coordinator.Id));
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2), isEndless: true);
        context.ExpectFired((2 * IdleConnections) + SlowConnections + Resets + 2);
        FewLines(context, cluster, from, lasted);
        foreach (var attack in attacks)
        {
            RowContext.Expect(
                attack.Slowdown <= AllowedSlowdown,
                FormattableString.Invariant($"with {attack.What} a step took {attack.Slowdown:0.00} times as long; {AllowedSlowdown} is allowed"));
            // Descriptors by the promise; what a connection takes of memory, and threads that wait for none, by experience.
            RowContext.Expect(
                attack.Peak.FileDescriptors <= before.FileDescriptors + MostStrangers + 32 && attack.Peak.Threads <= before.Threads + 32 && attack.Peak.ResidentBytes <= before.ResidentBytes + (96L << 20),
                $"with {attack.What} the coordinator took {attack.Peak}; it had taken {before}");
        }

        RowContext.Expect(small == "8", $"a message of 2 GB was answered with status {small}, not 8");
        RowContext.Expect(huge is "2" or "8" or "13" or "closed", $"a message of 4 GB was answered with status {huge}");
        var error = cluster.Coordinator.Errors.Split('\n').FirstOrDefault(line => line.Contains(" ERR ", StringComparison.Ordinal) || line.TrimStart().StartsWith("at ", StringComparison.Ordinal));
        RowContext.Expect(error is null, $"what a stranger does is an error of the coordinator's to its log: {error}");

        async Task<Attack> MeasureAsync(string what, int rounds, Func<CancellationToken, Task> attack)
        {
            using var deadline = new CancellationTokenSource(Deadline);
            var (calm, during, peak) = (default(Pace), default(Pace), default(ProcessUsage));
            try
            {
                calm += await PaceAsync(cluster, () => cluster.AdvanceAsync(StepsToMeasure / rounds));
                for (var round = 0; round < rounds; round++)
                {
                    during += await PaceAsync(cluster, async () => peak = await WatchAsync(cluster, attack(deadline.Token), deadline, peak));
                    calm += await PaceAsync(cluster, () => cluster.AdvanceAsync(StepsToMeasure / rounds));
                }
            }
            catch (OperationCanceledException)
            {
                throw new RowFailedException($"{what}: not over after {Deadline.TotalSeconds:0} s, {context.Injected} faults fired");
            }

            var slowdown = calm.StepsPerSecond / during.StepsPerSecond;
            context.Notes.Add(FormattableString.Invariant(
                $"{what}: {during.StepsPerSecond:0} steps/s, without {calm.StepsPerSecond:0}: a step takes {slowdown:0.00} times as long. Processors busy: the coordinator's {during.Busy:0.00}, without {calm.Busy:0.00}; the attackers' {during.BusyHere - calm.BusyHere:0.00}. Coordinator at most {peak}"));
            return new Attack(what, slowdown, peak);
        }
    }

    /// <summary>What an attack did to the run.</summary>
    /// <param name="What">In words.</param>
    /// <param name="Slowdown">How many times as long a step took as before and after it.</param>
    /// <param name="Peak">The most of each that the coordinator took.</param>
    private sealed record Attack(string What, double Slowdown, ProcessUsage Peak);

    /// <summary>How the run went for a time.</summary>
    /// <param name="Steps">Steps done.</param>
    /// <param name="Time">In which time.</param>
    /// <param name="Coordinator">What the coordinator took of processors.</param>
    /// <param name="Here">What this process, which has the attackers, took.</param>
    private readonly record struct Pace(long Steps, TimeSpan Time, TimeSpan Coordinator, TimeSpan Here)
    {
        public double StepsPerSecond => Steps / Time.TotalSeconds;

        public double Busy => Coordinator / Time;

        public double BusyHere => Here / Time;

        public static Pace operator +(Pace one, Pace other) =>
            new(one.Steps + other.Steps, one.Time + other.Time, one.Coordinator + other.Coordinator, one.Here + other.Here);
    }

    /// <summary>The pace while something goes on.</summary>
    private static async Task<Pace> PaceAsync(Cluster cluster, Func<Task> something)
    {
        using var coordinator = Process.GetProcessById(cluster.Coordinator.Id);
        var (busy, here) = (coordinator.TotalProcessorTime, Environment.CpuUsage.TotalTime);
        var first = await cluster.ReachAsync(0, cluster.Events.Count);
        await something();
        var last = await cluster.ReachAsync(0, cluster.Events.Count);
        coordinator.Refresh();
        return new Pace(
            ((Progress)last.Event).Step - ((Progress)first.Event).Step, last.At - first.At, coordinator.TotalProcessorTime - busy, Environment.CpuUsage.TotalTime - here);
    }

    /// <summary>Watches the coordinator until an attack is over.</summary>
    /// <returns>The most of each that it took.</returns>
    private static async Task<ProcessUsage> WatchAsync(Cluster cluster, Task attack, CancellationTokenSource deadline, ProcessUsage peak)
    {
        try
        {
            while (!attack.IsCompleted)
            {
                await cluster.AdvanceAsync(200);
                var now = ProcessUsage.Of(cluster.Coordinator.Id);
                peak = new ProcessUsage(
                    Math.Max(peak.FileDescriptors, now.FileDescriptors), Math.Max(peak.ResidentBytes, now.ResidentBytes), Math.Max(peak.Threads, now.Threads));
            }

            await attack;
            return peak;
        }
        catch
        {
            // If the coordinator has ended there is nobody to attack.
            await deadline.CancelAsync();
            await attack.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <summary>Connections that say nothing: those beyond the limit are hung up on at once, the others when patience ends.</summary>
    private static async Task IdleAsync(RowContext context, IPEndPoint address, IPAddress[] from, int most, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        var sockets = new List<Socket>();
        try
        {
            var ends = new List<Task>();
            for (var i = 0; i < IdleConnections; i++)
            {
                try
                {
                    sockets.Add(await ConnectAsync(address, from[i % from.Length], stop));
                    ends.Add(EndAsync(new NetworkStream(sockets[^1]), stop));
                }
                catch (Exception e) when (IsHungUp(e))
                {
                    // Sooner than this side knew that it was connected.
                    ends.Add(Task.CompletedTask);
                }

                context.Fired();
            }

            var early = 0;
            await foreach (var end in Task.WhenEach(ends))
            {
                await end;
                early += Stopwatch.GetElapsedTime(began) < PatienceWithStrangers ? 1 : 0;
            }

            var took = Stopwatch.GetElapsedTime(began);
            context.Notes.Add(FormattableString.Invariant($"{early} of {IdleConnections} hung up on at once, the last after {took.TotalSeconds:0.0} s"));
            RowContext.Expect(early >= IdleConnections - most, $"of {IdleConnections} idle connections {IdleConnections - early} stayed open; {most} are allowed");
            RowContext.Expect(took <= PatienceWithStrangers + Allowance, $"idle connections stayed open for {took.TotalSeconds:0.0} s");
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    /// <summary>Half of them say the beginning of a TLS record, half that of HTTP/2 under TLS, a byte a second, until they are hung up on.</summary>
    private static async Task DripAsync(RowContext context, Cluster cluster, IPEndPoint address, CancellationToken stop)
    {
        const int Enough = 5;
        byte[] record = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        var preface = Preface();
        var streams = new List<Stream>();
        try
        {
            // The idle ones' places are free a moment after they hear that they have lost them.
            while (streams.Count == 0)
            {
                try
                {
                    streams.Add(await GreetAsync(address, Loopback(0, 3), stop));
                }
                catch (Exception e) when (IsHungUp(e))
                {
                    await cluster.AdvanceAsync(50);
                }
            }

            while (streams.Count < SlowConnections)
            {
                streams.Add(streams.Count % 2 == 0 ? await GreetAsync(address, Loopback(0, 3), stop) : new NetworkStream(await ConnectAsync(address, Loopback(0, 3), stop), ownsSocket: true));
            }

            var began = Stopwatch.GetTimestamp();
            var sent = await Task.WhenAll(streams.Select(stream => SayAsync(stream, stream is SslStream ? preface : record)));
            var took = Stopwatch.GetElapsedTime(began);
            context.Notes.Add(FormattableString.Invariant($"{sent.Min()} to {sent.Max()} bytes said, the last hung up on after {took.TotalSeconds:0.0} s"));
            RowContext.Expect(sent.Min() >= Enough, $"O6: a slow connection was hung up on after {sent.Min()} bytes");
            RowContext.Expect(took <= PatienceWithStrangers + Allowance, $"slow connections stayed open for {took.TotalSeconds:0.0} s");
        }
        finally
        {
            foreach (var stream in streams)
            {
                await stream.DisposeAsync();
            }
        }

        async Task<int> SayAsync(Stream stream, byte[] text)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
            var end = EndAsync(stream, stop);
            var said = 0;
            while (await timer.WaitForNextTickAsync(stop) && !end.IsCompleted)
            {
                try
                {
                    await stream.WriteAsync(text.AsMemory(said % text.Length, 1), stop);
                    said++;
                }
                catch (Exception e) when (IsHungUp(e))
                {
                    break;
                }
            }

            await end;
            context.Fired();
            return said;
        }
    }

    /// <summary>A message to the one call that strangers may make, which declares a length that it has not.</summary>
    /// <returns>The gRPC status, or <c>closed</c>.</returns>
    private static async Task<string> DeclareAsync(RowContext context, IPEndPoint address, uint length, CancellationToken stop)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = AnyServer(),
            ConnectCallback = async (_, connecting) => new NetworkStream(await ConnectAsync(address, Loopback(0, 4), connecting), ownsSocket: true),
        })
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var content = new ByteArrayContent([0, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length, 1, 2, 3]);
        content.Headers.ContentType = new("application/grpc");
        context.Fired();
        try
        {
            using var answer = await client.PostAsync(new Uri($"https://{address}/disttrain.v1.Enrollment/Enroll"), content, stop);
            await answer.Content.ReadAsByteArrayAsync(stop);
            return answer.TrailingHeaders.Concat(answer.Headers).FirstOrDefault(header => header.Key == "grpc-status").Value?.First() ?? "none";
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return "closed";
        }
    }

    /// <summary>What became of the streams that were to be reset.</summary>
    private sealed class ResetCounts
    {
        /// <summary>Streams that the coordinator had begun when it went on to what was sent behind them. Those on their way when it closed are not among them.</summary>
        public int Begun;

        /// <summary>Connections that were tried.</summary>
        public int Connections;

        /// <summary>Those that the coordinator closed.</summary>
        public int Closed;

        /// <summary>How long they took.</summary>
        public TimeSpan Time;

        /// <inheritdoc/>
        public override string ToString() => FormattableString.Invariant(
            $"{Begun} streams certainly begun and reset, {Begun / Time.TotalSeconds:0}/s, on {Connections} connections, {Connections / Time.TotalSeconds:0} TLS handshakes/s; the coordinator closed {Closed} of them");
    }

    /// <summary>Begins calls and resets them, from several addresses, on a new connection whenever the coordinator has closed one.</summary>
    private static async Task ResetAsync(RowContext context, IPEndPoint address, int count, ResetCounts counts, CancellationToken stop)
    {
        const int Attackers = 4;
        // One less than the calls in vain at which the coordinator closes a connection.
        const int PerBatch = 15;
        var until = counts.Begun + count;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Attackers).Select(i => Task.Run(() => AttackAsync(Loopback(2, i + 1)), stop)));
        counts.Time += Stopwatch.GetElapsedTime(began);
        // The last of each attacker may still be open.
        RowContext.Expect(counts.Connections - counts.Closed <= Attackers * ResetRounds, $"of {counts.Connections} connections with calls in vain {counts.Closed} were closed");

        async Task AttackAsync(IPAddress from)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds((double)PerBatch * Attackers / ResetsPerSecond));
            while (Volatile.Read(ref counts.Begun) < until)
            {
                Interlocked.Increment(ref counts.Connections);
                var isBegun = false;
                try
                {
                    await using var stream = await GreetAsync(address, from, stop);
                    await stream.WriteAsync(Preface(), stop);
                    for (var streamId = 1; Volatile.Read(ref counts.Begun) < until; streamId += 2 * PerBatch)
                    {
                        await stream.WriteAsync(Batch(streamId, PerBatch), stop);
                        if (!await IsAnsweredAsync(stream, stop))
                        {
                            Interlocked.Increment(ref counts.Closed);
                            break;
                        }

                        isBegun = true;
                        Interlocked.Add(ref counts.Begun, PerBatch);
                        for (var i = 0; i < PerBatch; i++)
                        {
                            context.Fired();
                        }

                        await timer.WaitForNextTickAsync(stop);
                    }
                }
                catch (Exception e) when (IsHungUp(e))
                {
                    Interlocked.Increment(ref counts.Closed);
                    if (!isBegun)
                    {
                        await timer.WaitForNextTickAsync(stop);
                    }
                }
            }
        }
    }

    /// <summary>Who knocks often fills no log; but the log says that somebody did.</summary>
    private static void FewLines(RowContext context, Cluster cluster, int from, TimeSpan lasted)
    {
        var lines = cluster.Events.Workers("refused", from);
        // Those that began before, and that end after.
        var intervals = 2 + (int)(lasted / LineInterval);
        var ofOne = lines.GroupBy(line => line.Event.Worker![..line.Event.Worker!.LastIndexOf(':')]).Select(lines => lines.Count()).DefaultIfEmpty(0).Max();
        context.Notes.Add(FormattableString.Invariant($"{lines.Count} refusals told in {lasted.TotalSeconds:0} s, at most {ofOne} of one address"));
        RowContext.Expect(lines.Count > 0, "nobody is told of the strangers");
        RowContext.Expect(lines.Count <= intervals * MostLines && ofOne <= intervals * MostLinesOfOne, $"{lines.Count} refusals were told in {lasted.TotalSeconds:0} s, {ofOne} of them of one address");
    }

    private static IPAddress Loopback(int third, int fourth) => new([127, 0, (byte)third, (byte)fourth]);

    private static async Task<Socket> ConnectAsync(IPEndPoint address, IPAddress from, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(address, stop);
            return socket;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            socket.Dispose();
            throw new RowNotRunException($"{from} is no address of this machine");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A connection under TLS, without a certificate.</summary>
    private static async Task<SslStream> GreetAsync(IPEndPoint address, IPAddress from, CancellationToken stop)
    {
        var stream = new SslStream(new NetworkStream(await ConnectAsync(address, from, stop), ownsSocket: true));
        try
        {
            await stream.AuthenticateAsClientAsync(AnyServer(), stop);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Completes when the other side has hung up.</summary>
    private static async Task EndAsync(Stream stream, CancellationToken stop)
    {
        var buffer = new byte[256];
        try
        {
            while (await stream.ReadAsync(buffer, stop) > 0)
            {
            }
        }
        catch (Exception e) when (IsHungUp(e))
        {
        }
    }

    private static bool IsHungUp(Exception e) => e is IOException or SocketException or AuthenticationException;

    private static SslClientAuthenticationOptions AnyServer() => new()
    {
        TargetHost = "coordinator",
        ApplicationProtocols = [SslApplicationProtocol.Http2],
        // Without a look at this machine's authorities: the attack is to cost the coordinator's time, not this process's.
        CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationFlags = X509VerificationFlags.AllFlags,
        },
#pragma warning disable CA5359 // A stranger does not care who answers.
        RemoteCertificateValidationCallback = (_, _, _, _) => true,
#pragma warning restore CA5359
    };

    /// <summary>What a client of HTTP/2 says first (RFC 9113, section 3.4).</summary>
    private static byte[] Preface() => [.. Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), .. Frame(type: 4, flags: 0, streamId: 0, [])];

    /// <summary>Streams begun and reset, and a ping: frames are taken in order, so its answer says that all were.</summary>
    private static byte[] Batch(int firstStreamId, int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => firstStreamId + (2 * i)).SelectMany(id => (byte[])[.. Frame(type: 1, flags: 4, id, Headers), .. Frame(type: 3, flags: 0, id, [0, 0, 0, 8])]),
        .. Frame(type: 6, flags: 0, streamId: 0, new byte[8]),
    ];

    /// <summary>Reads up to the answer to a ping.</summary>
    /// <returns>False if the connection ended before it.</returns>
    private static async Task<bool> IsAnsweredAsync(Stream stream, CancellationToken stop)
    {
        const byte Ping = 6;
        var buffer = new byte[1 << 14];
        while (await stream.ReadAtLeastAsync(buffer.AsMemory(0, 9), 9, throwOnEndOfStream: false, stop) == 9)
        {
            var (length, type) = ((buffer[0] << 16) | (buffer[1] << 8) | buffer[2], buffer[3]);
            await stream.ReadExactlyAsync(buffer.AsMemory(0, length), stop);
            if (type == Ping)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A frame of HTTP/2 (RFC 9113, section 4.1).</summary>
    private static byte[] Frame(byte type, byte flags, int streamId, byte[] payload) =>
    [
        (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags,
        (byte)(streamId >> 24), (byte)(streamId >> 16), (byte)(streamId >> 8), (byte)streamId, .. payload,
    ];

    /// <summary>The headers of a call, without compression (RFC 7541: POST, https, and literals).</summary>
    private static byte[] Headers { get; } =
        [0x83, 0x87, 0x04, .. Text("/disttrain.v1.Training/Attach"), 0x01, .. Text("x"), 0x0f, 0x10, .. Text("application/grpc"), 0x00, .. Text("te"), .. Text("trailers")];

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];
}
