using System.Text.Json;
using System.Text.RegularExpressions;

namespace DistTrain.Cli.Tests.Verbs;

public sealed partial class ReportVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    /// <summary>What a run leaves and what is made of its directory later are the same, but for the log, which has gone on by a line.</summary>
    [Fact]
    public async Task Report_OfARun_IsTheOneItWrote()
    {
        Assert.Equal(0, await _command.TrainAsync("--epochs", "2"));
        var written = Without(Events("run/report.html")[0], "log");

        Assert.Equal(0, await _command.RunAsync("report", "run", "--file", "again.html", "--json"));

        Assert.Equal(_command.File("again.html"), _command.Last.GetProperty("file").GetString());
        Assert.Equal(written, Without(Events("again.html")[0], "log"));
        Assert.Equal(["completed", "look", "specification", "started"], written.Select(Name).Distinct().Where(name => name is not ("epoch" or "progress" or "split" or "checkpoint")).Order());
        var look = written.Select(Parse).Single(line => line.GetProperty("event").GetString() == "look");
        Assert.Equal(40, look.GetProperty("seen").GetInt32());
        Assert.Equal(40, look.GetProperty("confusion").EnumerateArray().Sum(row => row.EnumerateArray().Sum(cell => cell.GetInt32())));
    }

    /// <summary>A resumed run's report has what was before, and what was done twice is for the page to pass over.</summary>
    [Fact]
    public async Task Report_OfAResumedRun_HasItsWholeLife()
    {
        Assert.Equal(0, await _command.TrainAsync("--epochs", "1"));
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--epochs", "2"));

        var started = Events("run/report.html")[0].Where(line => Name(line) == "started").Select(Parse).ToList();

        Assert.Equal([null, (long?)2], started.Select(line => line.GetProperty("resumedFrom").ValueKind == JsonValueKind.Null ? (long?)null : line.GetProperty("resumedFrom").GetInt64()));
        Assert.Equal(2, Events("run/report.html")[0].Count(line => Name(line) == "epoch"));
    }

    [Fact]
    public async Task Report_OfSeveral_HasThemAllInOneFile()
    {
        Assert.Equal(0, await _command.TrainAsync());
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--steps", "3", "--out", "other"));

        Assert.Equal(0, await _command.RunAsync("report", "run", "other"));

        Assert.Equal(2, Events("report.html").Count);
    }

    /// <summary>The run counts, its report does not: told, and the exit code is the run's.</summary>
    [Fact]
    public async Task Train_WhoseReportCannotBeWritten_IsDoneAllTheSame()
    {
        Assert.Equal(0, await _command.TrainAsync("--steps", "2"));
        File.Delete(_command.File("run/report.html"));
        Directory.CreateDirectory(_command.File("run/report.html/taken"));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "3"));

        Assert.Equal("completed", _command.Last.GetProperty("event").GetString());
        Assert.Contains("report.html could not be written", _command.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _command.RunAsync("report", "run"));
        Assert.Contains("--file", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>Who looks for the reason finds the curves that led there.</summary>
    [Fact]
    public async Task Train_ThatFails_LeavesAReportThatSaysWhy()
    {
        Assert.Equal(1, await _command.TrainAsync("--lr", "1e30", "--epochs", "5"));

        Assert.Contains("finite", Events("run/report.html")[0].Select(Parse).Single(line => line.GetProperty("event").GetString() == "failed").GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    /// <summary>A link stays one, and a device is written to.</summary>
    [Fact]
    public async Task Report_IntoALinkOrADevice_LeavesItThere()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights there, and devices are no files.");
        Assert.Equal(0, await _command.TrainAsync());
        _command.Write("target.html", "old");
        File.CreateSymbolicLink(_command.File("link.html"), _command.File("target.html"));
        File.CreateSymbolicLink(_command.File("null.html"), "/dev/null");

        Assert.Equal(0, await _command.RunAsync("report", "run", "--file", "link.html"));
        Assert.Equal(0, await _command.RunAsync("report", "run", "--file", "null.html"));

        Assert.NotNull(new FileInfo(_command.File("link.html")).LinkTarget);
        Assert.Single(Events("target.html"));
        Assert.Equal("/dev/null", new FileInfo(_command.File("null.html")).LinkTarget);
        Assert.Equal(0, new FileInfo("/dev/null").Length);
    }

    /// <summary>Asked to stop, it writes nothing: what is there stays as good as it was.</summary>
    [Fact]
    public async Task Report_Interrupted_WritesNothing()
    {
        Assert.Equal(0, await _command.TrainAsync());
        _command.Stop.Ask(130);

        Assert.Equal(130, await _command.RunAsync("report", "run", "--file", "again.html"));

        Assert.False(File.Exists(_command.File("again.html")));
    }

    [Fact]
    public async Task Train_DashboardWithoutWorkers_IsRefused()
    {
        Assert.Equal(2, await _command.TrainAsync("--dashboard", "127.0.0.1:0"));
        Assert.Contains("--workers", _command.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _command.TrainAsync("--dashboard", "nonsense"));
        Assert.Equal(0, await _command.TrainAsync("--dashboard", "off"));
    }

    [Fact]
    public async Task Train_WithoutReport_WritesNone()
    {
        Assert.Equal(0, await _command.TrainAsync("--report", "off"));

        Assert.False(File.Exists(_command.File("run/report.html")));
        Assert.Equal(2, await _command.RunAsync("train", "--report", "maybe"));
        Assert.Contains("--report", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>Its data being gone, the curves are still there.</summary>
    [Fact]
    public async Task Report_WithoutData_DoesWithout()
    {
        Assert.Equal(0, await _command.TrainAsync());
        _command.Surroundings = _command.Surroundings with { LoadDataset = (_, _, _) => throw new Core.InvalidInputException("no data here") };

        Assert.Equal(0, await _command.RunAsync("report", "run"));

        Assert.Contains("no data here", _command.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Events("run/report.html")[0], line => Name(line) == "look");
        Assert.Contains(Events("run/report.html")[0], line => Name(line) == "specification");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{\"event\":\"started\",\"run\":")]
    public async Task Report_OfARunThatHasNotBegun_IsRefused(string? metrics)
    {
        Directory.CreateDirectory(_command.File("run"));
        if (metrics is not null)
        {
            _command.Write("run/metrics.jsonl", metrics);
        }

        Assert.Equal(2, await _command.RunAsync("report", "run"));
        Assert.Contains("holds no run", _command.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _command.RunAsync("report", "missing"));
        Assert.Contains("no run directory", _command.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _command.RunAsync("report"));
    }

    /// <summary>The last line of a run that was killed may be cut off.</summary>
    [Fact]
    public async Task Report_OfAKilledRun_PassesOverTheTornLine()
    {
        Assert.Equal(0, await _command.TrainAsync());
        await File.AppendAllTextAsync(_command.File("run/metrics.jsonl"), "{\"event\":\"progr", TestContext.Current.CancellationToken);

        Assert.Equal(0, await _command.RunAsync("report", "run"));
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "4"));
        Assert.Equal(2, Events("run/report.html")[0].Count(line => Name(line) == "started"));
    }

    private IReadOnlyList<IReadOnlyList<string>> Events(string file) =>
        [.. Parse(Data().Match(File.ReadAllText(_command.File(file))).Groups[1].Value).EnumerateArray().Select(run => (IReadOnlyList<string>)[.. run.EnumerateArray().Select(line => line.GetRawText())])];

    private static IReadOnlyList<string> Without(IReadOnlyList<string> lines, string name) => [.. lines.Where(line => Name(line) != name).Order(StringComparer.Ordinal)];

    private static string Name(string line) => Parse(line).GetProperty("event").GetString()!;

    private static JsonElement Parse(string text) => JsonDocument.Parse(text).RootElement;

    [GeneratedRegex("id=\"events-of-the-run\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();
}
