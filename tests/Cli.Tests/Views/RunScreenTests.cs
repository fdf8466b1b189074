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

        Assert.Equal(23, lines.Count);
        Assert.Equal("and 81 more", lines[^1]);
    }

    /// <summary>As many rows as the terminal has lines, but for the cursor's; not one of them is given away, and none too many drawn.</summary>
    [Theory]
    [InlineData(7, 3, null)]
    [InlineData(6, 1, null)]
    [InlineData(8, 3, "Waiting")]
    [InlineData(7, 1, "Waiting")]
    [InlineData(5, 0, null)]
    [InlineData(3, 0, null)]
    [InlineData(2, 0, null)]
    [InlineData(1, 0, null)]
    public void Screen_OfFewLines_HasAsManyWorkersAsThereIsRoomFor(int height, int rows, string? waitsFor)
    {
        _screen.Take(Cluster(3) with { WaitsFor = waitsFor });
        var lines = Draw(80, height);

        Assert.InRange(lines.Count, 1, Math.Max(1, height - 1));
        Assert.Equal(rows, lines.Count(line => line.Contains("node", StringComparison.Ordinal)));
    }

    /// <summary>A second and more, minutes of silence, many samples: the columns stay where they are.</summary>
    [Theory]
    [InlineData(0.09999, 1234567, 9.96, "99.99/99.99/99.99", "10 s")]
    [InlineData(0.0999951, 12345678, 99.6, "100/100/100", "100 s")]
    [InlineData(1.234, 123456789, 999, "1234/1234/1234", "999 s")]
    [InlineData(99.9996, 1e12, 12345, "100s/100s/100s", "206 m")]
    public void Screen_OfLargeNumbers_KeepsItsColumns(double seconds, double rate, double silent, string times, string seen)
    {
        _screen.Take(new Progress(1800, 3000, 4, 0.1, rate, 9, 12));
        _screen.Take(new ClusterGlance(null, [new WorkerGlance(1, "1 node1:1001", "computing", false, 4, seconds, seconds, seconds, silent)], 1));
        var lines = Draw(80);

        Assert.Equal(lines[2].Length, lines[3].Length);
        Assert.Equal(times, lines[3].Split(' ', StringSplitOptions.RemoveEmptyEntries).Single(word => word.Contains('/', StringComparison.Ordinal)));
        Assert.EndsWith(" " + seen, lines[3].TrimEnd(), StringComparison.Ordinal);
    }

    /// <summary>What is written in East Asia takes two columns, an accent of its own none.</summary>
    [Theory]
    [InlineData("東京東京東京", true, "1 東京東京東京:1")]
    [InlineData("e\u0301e\u0301e\u0301", true, "1 e\u0301e\u0301e\u0301:1")]
    [InlineData("東京東京東京東京東京東京東京東京", true, "1 東京東京東京東京東…")]
    [InlineData("a-host-with-a-long-name", false, "1 a-host-with-a-long-~")]
    public void Screen_OfAnyName_IsAlignedByColumns(string host, bool unicode, string name)
    {
        _screen.Take(new ClusterGlance(null, [new WorkerGlance(1, $"1 {host}:1", "computing", false, 4, null, null, null, 0.1)], 1));
        var lines = Draw(80, unicode: unicode);

        Assert.StartsWith(name + " ", lines[3], StringComparison.Ordinal);
        Assert.Equal(lines[2].GetCellWidth(), lines[3].GetCellWidth());
        Assert.Equal(unicode, lines.Any(line => line.Any(character => character > 127)));
    }

    [Fact]
    public void Screen_OfARunThatGoesOn_BeginsWhereItDoes()
    {
        var screen = new RunScreen();
        screen.Take(new Started("/runs/a", "two-layer", "mnist", "sgd", 3000, 600, 100, 8, 1, 3, 1, null, "0.1.0", 1, ResumedFrom: 1500));

        Assert.Contains(" 50 %  epoch 3 of 5  starting", Draw(80, screen: screen)[0], StringComparison.Ordinal);
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

    private List<string> Draw(int width, int height = 40, RunScreen? screen = null, bool unicode = true)
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
        console.Profile.Capabilities.Unicode = unicode;
        _written.GetStringBuilder().Clear();
        console.Write(screen ?? _screen);
        return [.. _written.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r'))];
    }
}
