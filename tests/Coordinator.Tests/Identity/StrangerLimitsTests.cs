using System.Net;
using DistTrain.Coordinator.Identity;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Coordinator.Tests.Identity;

/// <summary>How many strangers there may be, for how long, and how many lines they make.</summary>
public sealed class StrangerLimitsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly FakeTimeProvider _time = new();
    private readonly List<(string Peer, string Reason)> _told = [];
    private readonly StrangerLimits _limits;

    public StrangerLimitsTests() => _limits = new StrangerLimits(_time, Patience, new RefusalReports(_time, (peer, reason) => _told.Add((peer, reason))));

    [Fact]
    public async Task Strangers_OfOneAddress_AreLimitedAndOthersAreNot()
    {
        var end = new TaskCompletionSource();
        var open = Enumerable.Range(0, StrangerLimits.MostOfOne).Select(_ => Serve(Connection("10.0.0.1"), end.Task)).ToList();

        await Served(Connection("10.0.0.1"), isServed: false);
        await Served(Connection("10.0.0.2"), isServed: true);

        // One that has shown who it is makes room.
        var known = Connection("10.0.0.1");
        open.Add(Serve(known, end.Task));
        end.SetResult();
        await Task.WhenAll(open);
        await Served(Connection("10.0.0.1"), isServed: true);
    }

    [Fact]
    public async Task Known_Connections_DoNotCount()
    {
        var end = new TaskCompletionSource();
        List<Task> open = [];
        for (var i = 0; i < 3 * StrangerLimits.MostOfOne; i++)
        {
            var connection = Connection("10.0.0.1");
            open.Add(Serve(connection, end.Task));
            StrangerLimits.Know(connection);
        }

        await Served(Connection("10.0.0.1"), isServed: true);
        end.SetResult();
        await Task.WhenAll(open);
    }

    [Fact]
    public async Task Strangers_OfAllAddresses_AreLimited()
    {
        var end = new TaskCompletionSource();
        var open = Enumerable.Range(0, StrangerLimits.Most).Select(i => Serve(Connection($"10.0.{i / 16}.1"), end.Task)).ToList();
        await Served(Connection("10.1.0.1"), isServed: false);
        end.SetResult();
        await Task.WhenAll(open);
    }

    [Fact]
    public async Task Strangers_WhoHaveLeft_CountNoMore()
    {
        for (var i = 0; i < 2 * StrangerLimits.Most; i++)
        {
            await Served(Connection("10.0.0.1"), isServed: true);
        }
    }

    [Fact]
    public async Task Stranger_TooLong_IsHungUpOn()
    {
        var end = new TaskCompletionSource();
        var (stranger, known) = (Connection("10.0.0.1"), Connection("10.0.0.1"));
        var open = new[] { Serve(stranger, end.Task), Serve(known, end.Task) };
        StrangerLimits.Know(known);

        _time.Advance(Patience - TimeSpan.FromSeconds(1));
        Assert.False(stranger.IsAborted);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.True(stranger.IsAborted);
        Assert.False(known.IsAborted);
        Assert.Contains(_told, told => told.Reason.Contains("in time", StringComparison.Ordinal));
        end.SetResult();
        await Task.WhenAll(open);
    }

    [Fact]
    public void Refusals_AThousand_MakeFewLinesAndTheRestIsCounted()
    {
        List<string> told = [];
        var reports = new RefusalReports(_time, (_, reason) => told.Add(reason));
        for (var i = 0; i < 1000; i++)
        {
            reports.Tell(IPAddress.Parse("10.0.0.1"), "10.0.0.1:1", "no");
        }

        Assert.Equal(RefusalReports.MostOfOne, told.Count);
        for (var i = 0; i < 1000; i++)
        {
            reports.Tell(new IPAddress(i), "x", "no");
        }

        Assert.Equal(RefusalReports.Most, told.Count);
        _time.Advance(RefusalReports.Interval);
        reports.Tell(IPAddress.Parse("10.0.0.1"), "10.0.0.1:1", "no");
        Assert.Equal($"no ({2000 - RefusalReports.Most} refusals before this one were not told)", told[^1]);
    }

    private static FakeConnection Connection(string address) => new(IPEndPoint.Parse($"{address}:1000"));

    private Task Serve(FakeConnection connection, Task end) => _limits.ServeAsync(connection, () => end);

    private async Task Served(FakeConnection connection, bool isServed)
    {
        var was = false;
        await _limits.ServeAsync(connection, () =>
        {
            was = true;
            return Task.CompletedTask;
        });
        Assert.Equal((isServed, !isServed), (was, connection.IsAborted));
    }

    private sealed class FakeConnection : DefaultConnectionContext
    {
        public FakeConnection(IPEndPoint remote) => RemoteEndPoint = remote;

        public bool IsAborted { get; private set; }

        public override void Abort(ConnectionAbortedException abortReason) => IsAborted = true;
    }
}
