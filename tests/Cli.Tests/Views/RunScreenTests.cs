using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using Spectre.Console;
using Progress = DistTrain.Cli.Runs.Progress;

namespace DistTrain.Cli.Tests.Views;

public sealed class RunScreenTests : IDisposable
{
    private readonly StringWriter _written = new();
    private readonly RunScreen _screen = new();

    public RunScreenTests()
    {
        _screen.Take(new Started("/runs/a", "two-layer", "mnist", "sgd", 3000, 600, 100, 8, 1, 3, 1, "127.0.0.1:1", "0.1.0", 1));
        for (var i = 1; i <= 9; i++)
        {
            _screen.Take(new Progress(200 * i, 3000, (200 * i / 600) + 1, 1.0 / i, 57_300, i, 12));
        }

        _screen.Take(new EpochDone(1, 600, 0.3, 0.2, 0.9512, 57_000, 3));
        _screen.Take(new EpochDone(2, 1200, 0.2, 0.1, 0.9685, 57_000, 6));
        _screen.Take(Cluster(3));
    }

    public void Dispose() => _written.Dispose();

    [Fact]
    public void Screen_Of80Columns_ShowsEverything()
    {
        Assert.Equal(
            [
                "━━━━━━━━━━━━━━━━━━━━━━━━────────────────   60 %  epoch 4 of 5  00:00:12 to go",
                "loss 0.1111 █▄▃▂▂▁▁▁▁  accuracy 96.85 % ▁█  57,300 samples/s",
                "worker        state      share  samples/s  compute/net/wait ms   seen",
                "1 node1:1001  computing   50 %     28,650       1.20/0.31/0.02  0.1 s",
                "2 node2:1002  late        25 %     14,325       1.20/0.31/0.02  0.1 s",
                "3 node3:1003  slow        25 %     14,325                -/-/-  0.1 s",
            ],
            Draw(80));
    }

    [Fact]
    public void Screen_OfManyColumns_HasRoomForLongNamesAndCurves()
    {
        _screen.Take(Cluster(2, "a-host-with-a-long-name"));
        var lines = Draw(200);

        Assert.Contains("step 1,800 of 3,000", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("1 a-host-with-a-long-name1:…  computing", lines[3], StringComparison.Ordinal);
    }

    /// <summary>The name, the state and the share are what is left; no line is longer than the terminal, on which it would break.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(41)]
    [InlineData(57)]
    [InlineData(79)]
    [InlineData(1)]
    public void Screen_OfFewColumns_LeavesOutFromTheRight(int width)
    {
        var lines = Draw(width);

        Assert.All(lines, line => Assert.InRange(line.Length, 0, width - (width > 1 ? 1 : 0)));
        if (width >= 40)
        {
            Assert.Contains("computing", lines[^3], StringComparison.Ordinal);
            Assert.Contains("50 %", lines[^3], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Screen_OfManyWorkers_SaysHowManyItLeavesOut()
    {
        _screen.Take(Cluster(100));
        var lines = Draw(80, height: 24);

        Assert.InRange(lines.Count, 10, 23);
        Assert.Equal($"and {100 - (lines.Count - 4)} more", lines[^1]);
    }

    [Fact]
    public void Screen_OfARunThatWaits_SaysForWhom()
    {
        _screen.Take(new ClusterGlance("Waiting for 1 more worker", [], 1));

        Assert.Equal("Waiting for 1 more worker", Draw(80)[^1]);
    }

    /// <summary>Before anything is known there is nothing to divide by.</summary>
    [Fact]
    public void Screen_OfNothing_IsDrawn() => Assert.Equal(2, Draw(80, screen: new RunScreen()).Count);

    private static ClusterGlance Cluster(int workers, string host = "node") => new(null, [.. Enumerable.Range(1, workers).Select(i => new WorkerGlance(
        i, $"{i} {host}{i}:{1000 + i}", i == 2 ? "late" : "computing", i == 3, i == 1 ? 4 : 2, i == 3 ? null : 0.0012, i == 3 ? null : 0.00031, i == 3 ? null : 0.00002, 0.1))], 1);

    private List<string> Draw(int width, int height = 40, RunScreen? screen = null)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(_written),
            Interactive = InteractionSupport.No,
        });
        console.Profile.Width = width;
        console.Profile.Height = height;
        console.Profile.Capabilities.Unicode = true;
        _written.GetStringBuilder().Clear();
        console.Write(screen ?? _screen);
        return [.. _written.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r'))];
    }
}
