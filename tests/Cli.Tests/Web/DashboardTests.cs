using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Web;
using DistTrain.Core;

namespace DistTrain.Cli.Tests.Web;

public sealed class DashboardTests : IDisposable
{
    private static readonly IPEndPoint AnyPort = new(IPAddress.Loopback, 0);
    private readonly RunFeed _feed = new();
    private readonly HttpClient _client = new();

    public void Dispose()
    {
        _client.Dispose();
        _feed.Dispose();
    }

    [Fact]
    public async Task Page_IsServedWithItsPolicy()
    {
        await using var dashboard = await Dashboard.StartAsync(AnyPort, wasAskedFor: true, _feed);
        using var answer = await _client.GetAsync(dashboard.Address, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(RunPage.Live, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(RunPage.ContentSecurityPolicy, answer.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Fact]
    public async Task Events_ComeFromTheBeginningAndLive()
    {
        await using var dashboard = await Dashboard.StartAsync(AnyPort, wasAskedFor: true, _feed);
        _feed.Show(At(1));
        using var answer = await _client.GetAsync(new Uri(dashboard.Address, "events"), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));

        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal($"data: {At(1).ToJson()}", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal("", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        _feed.Show(At(2));
        Assert.Equal($"data: {At(2).ToJson()}", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal("", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        _feed.Dispose();
        Assert.Null(await reader.ReadLineAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>A page elsewhere whose name leads here may not read it; nothing can be changed; there is nothing else.</summary>
    [Theory]
    [InlineData("GET", "/", "attacker.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("GET", "/events", "attacker.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("POST", "/", null, HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "/events", null, HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/../run.json", null, HttpStatusCode.NotFound)]
    [InlineData("GET", "/index.html", null, HttpStatusCode.NotFound)]
    public async Task OtherRequests_AreRefused(string method, string path, string? host, HttpStatusCode expected)
    {
        await using var dashboard = await Dashboard.StartAsync(AnyPort, wasAskedFor: true, _feed);
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(dashboard.Address, path));
        request.Headers.Host = host;
        using var answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(expected, answer.StatusCode);
        Assert.Equal("", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Any address of this machine's own, and however its name is written.</summary>
    [Theory]
    [InlineData("127.0.0.1:0", null)]
    [InlineData("127.0.0.2:0", null)]
    [InlineData("[::1]:0", null)]
    [InlineData("localhost:0", "LOCALHOST")]
    public async Task OwnAddresses_AreServed(string where, string? host)
    {
        var read = CommonOptions.Dashboard.Read(where, "--dashboard")!;
        Assert.SkipWhen(read.AddressFamily == AddressFamily.InterNetworkV6 && !Socket.OSSupportsIPv6, "There is no IPv6 here.");
        await using var dashboard = await Dashboard.StartAsync(read, wasAskedFor: true, _feed);
        using var request = new HttpRequestMessage(HttpMethod.Get, dashboard.Address);
        request.Headers.Host = host;
        using var answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("nonsense")]
    [InlineData("29580")]
    [InlineData("127.0.0.1:99999")]
    public void WrongAddress_IsRefused(string where) => Assert.Throws<InvalidInputException>(() => CommonOptions.Dashboard.Read(where, "--dashboard"));

    /// <summary>Who asks for the page gets it, however many keep a stream and do not read.</summary>
    [Fact]
    public async Task ManyStreams_LeaveRoomForThePage()
    {
        await using var dashboard = await Dashboard.StartAsync(AnyPort, wasAskedFor: true, _feed);
        var codes = new List<HttpStatusCode>();
        var streams = new List<HttpResponseMessage>();
        for (var i = 0; i < 60; i++)
        {
            streams.Add(await _client.GetAsync(new Uri(dashboard.Address, "events"), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken));
            codes.Add(streams[^1].StatusCode);
        }

        using var answer = await _client.GetAsync(dashboard.Address, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(12, codes.Count(code => code == HttpStatusCode.ServiceUnavailable));
        streams.ForEach(stream => stream.Dispose());
    }

    [Fact]
    public async Task TakenPort_IsReplacedUnlessItWasAskedFor()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var taken = (IPEndPoint)other.LocalEndpoint;

        await using var dashboard = await Dashboard.StartAsync(taken, wasAskedFor: false, _feed);
        Assert.NotEqual(taken.Port, dashboard.Address.Port);
        var refusal = await Assert.ThrowsAsync<InvalidInputException>(() => Dashboard.StartAsync(taken, wasAskedFor: true, _feed));
        Assert.Contains("in use", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BeyondThisMachine_IsRefusedWithAnotherWay()
    {
        var refusal = await Assert.ThrowsAsync<InvalidInputException>(() => Dashboard.StartAsync(new IPEndPoint(IPAddress.Any, 0), wasAskedFor: true, _feed));

        Assert.Contains("ssh -L", refusal.Message, StringComparison.Ordinal);
    }

    private static Progress At(long step) => new(step, 3000, 1, 0.5, 1000, step, 1);
}
