using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using DistTrain.Cli.Runs;

namespace DistTrain.Chaos.Rows;

/// <summary>Strangers who want the coordinator's time and memory (H2).</summary>
internal static class Floods
{
    private const int Resets = 100_000;
    private const int ResetsPerSecond = 5_000;
    private const int IdleConnections = 1_000;
    private const int SlowConnections = 50;
    private const long StepsToMeasure = 4_000;

    /// <summary>How much longer a step may take meanwhile.</summary>
    private const double AllowedSlowdown = 1.2;

    /// <summary>
    /// H2: a thousand connections that say nothing, fifty that say a byte a second, a message of four gigabytes, and a hundred thousand streams begun and reset,
    /// five thousand a second. The strangers are this process: on a machine of two cores it and one worker leave the coordinator room.
    /// </summary>
    public static async Task Flood(RowContext context)
    {
        var run = await context.Calm.LongAsync(150);
        await using var cluster = context.Cluster(run);
        cluster.Secure();
        await cluster.StartAsync(1);
        await cluster.ReachAsync(4_000);
        var before = ProcessUsage.Of(cluster.Coordinator.Id);
        var address = IPEndPoint.Parse(cluster.Address);
        var calm = await PaceAsync(cluster);

        var idle = await ConnectAsync(context, address, IdleConnections);
        var withIdle = await PaceAsync(cluster);
        var slow = await ConnectAsync(context, address, SlowConnections);
        using var end = new CancellationTokenSource();
        var dripping = DripAsync(slow, end.Token);
        await DeclareAsync(context, address);
        var withSlow = await PaceAsync(cluster);
        await end.CancelAsync();
        await dripping;
        idle.ForEach(socket => socket.Dispose());
        slow.ForEach(socket => socket.Dispose());

        var resetting = ResetAsync(context, address);
        var paces = new List<double>();
        while (!resetting.IsCompleted)
        {
            paces.Add(await PaceAsync(cluster));
        }

        await resetting;
        var again = await PaceAsync(cluster);
        var usual = Math.Max(calm, again);
        paces.Sort();
        var withResets = paces[paces.Count / 2];
        context.Notes.Add(FormattableString.Invariant(
            $"steps/s: {calm:0} before, {withIdle:0} with {IdleConnections} idle, {withSlow:0} with {SlowConnections} slow connections, {withResets:0} with {ResetsPerSecond} resets/s, {again:0} after"));
        Oracles.NothingLeaked(context, before, ProcessUsage.Of(cluster.Coordinator.Id));
        await Oracles.StopAndJudgeAsync(context, cluster, TimeSpan.FromSeconds(2));
        context.ExpectFired(IdleConnections + SlowConnections + Resets + 1);
        foreach (var (pace, what) in new[] { (withIdle, "idle connections"), (withSlow, "slow connections"), (withResets, "reset streams") })
        {
            RowContext.Expect(
                pace * AllowedSlowdown >= usual,
                FormattableString.Invariant($"with {what} a step took {usual / pace:0.00} times as long as before; {AllowedSlowdown} is allowed ({context.Notes[0]})"));
        }
    }

    /// <summary>Steps a second over the next some thousand.</summary>
    private static async Task<double> PaceAsync(Cluster cluster)
    {
        var first = await cluster.ReachAsync(0, cluster.Events.Count);
        var from = ((Progress)first.Event).Step;
        var last = await cluster.ReachAsync(from + StepsToMeasure);
        return (((Progress)last.Event).Step - from) / (last.At - first.At).TotalSeconds;
    }

    private static async Task<List<Socket>> ConnectAsync(RowContext context, IPEndPoint address, int count)
    {
        var sockets = new List<Socket>();
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            sockets.Add(socket);
            await socket.ConnectAsync(address);
            context.Fired();
        }

        return sockets;
    }

    /// <summary>The beginning of a TLS record, a byte a second; whoever is hung up on stays so.</summary>
    private static async Task DripAsync(List<Socket> sockets, CancellationToken end)
    {
        byte[] record = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        try
        {
            for (var i = 0; await timer.WaitForNextTickAsync(end); i++)
            {
                foreach (var socket in sockets.Where(socket => socket.Connected))
                {
                    try
                    {
                        await socket.SendAsync(record.AsMemory(i % record.Length, 1), end);
                    }
                    catch (SocketException)
                    {
                        // Hung up on.
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>A message to the one call that strangers may make, declared to have four gigabytes, the most that a frame can say.</summary>
    private static async Task DeclareAsync(RowContext context, IPEndPoint address)
    {
        const string TooLarge = "8";
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = AnyServer(address) }) { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var content = new ByteArrayContent([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        content.Headers.ContentType = new("application/grpc");
        using var answer = await client.PostAsync(new Uri($"https://{address}/disttrain.v1.Enrollment/Enroll"), content);
        await answer.Content.ReadAsByteArrayAsync();
        var status = answer.TrailingHeaders.Concat(answer.Headers).FirstOrDefault(header => header.Key == "grpc-status").Value?.First();
        RowContext.Expect(status == TooLarge, $"a message of 4 GB was answered with status {status ?? "nothing"}, not {TooLarge}");
        context.Fired();
    }

    /// <summary>Begins calls and resets them, as many a second as planned, on new connections when the old one is closed.</summary>
    private static async Task ResetAsync(RowContext context, IPEndPoint address)
    {
        const int PerWrite = 100;
        var sent = 0;
        var connections = 0;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds((double)PerWrite / ResetsPerSecond));
        while (sent < Resets)
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(address);
            connections++;
            await using var stream = new SslStream(tcp.GetStream());
            try
            {
                await stream.AuthenticateAsClientAsync(AnyServer(address));
                await stream.WriteAsync(Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
                await stream.WriteAsync(Frame(type: 4, flags: 0, streamId: 0, []));
                var draining = stream.CopyToAsync(Stream.Null);
                for (var streamId = 1; sent < Resets && !draining.IsCompleted; await timer.WaitForNextTickAsync())
                {
                    var frames = new List<byte>();
                    for (var i = 0; i < PerWrite; i++, streamId += 2)
                    {
                        frames.AddRange(Frame(type: 1, flags: 4, streamId, Headers()));
                        frames.AddRange(Frame(type: 3, flags: 0, streamId, [0, 0, 0, 8]));
                    }

                    await stream.WriteAsync(frames.ToArray());
                    sent += PerWrite;
                    for (var i = 0; i < PerWrite; i++)
                    {
                        context.Fired();
                    }
                }
            }
            catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException)
            {
                // Hung up on: the next one.
                await timer.WaitForNextTickAsync();
            }
        }

        context.Notes.Add($"{sent} streams reset on {connections} connections");
    }

    private static SslClientAuthenticationOptions AnyServer(IPEndPoint address) => new()
    {
        TargetHost = address.Address.ToString(),
        ApplicationProtocols = [SslApplicationProtocol.Http2],
#pragma warning disable CA5359 // A stranger does not care who answers.
        RemoteCertificateValidationCallback = (_, _, _, _) => true,
#pragma warning restore CA5359
    };

    /// <summary>A frame of HTTP/2 (RFC 9113, section 4.1).</summary>
    private static byte[] Frame(byte type, byte flags, int streamId, byte[] payload) =>
    [
        (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags,
        (byte)(streamId >> 24), (byte)(streamId >> 16), (byte)(streamId >> 8), (byte)streamId, .. payload,
    ];

    /// <summary>The headers of a call, without compression (RFC 7541: POST, https, and literals).</summary>
    private static byte[] Headers()
    {
        return [0x83, 0x87, 0x04, .. Text("/disttrain.v1.Training/Attach"), 0x01, .. Text("x"), 0x0f, 0x10, .. Text("application/grpc"), 0x00, .. Text("te"), .. Text("trailers")];

        static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];
    }
}
