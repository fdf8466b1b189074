using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>What a person sees, on a real pseudo-terminal.</summary>
public sealed partial class TerminalTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-terminal-").FullName;
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    public TerminalTests()
    {
        Assert.SkipUnless(Terminal.IsSupported, "There is no script(1) here, which opens pseudo-terminals.");
        _patience.CancelAfter(Patience);
    }

    public void Dispose()
    {
        _patience.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The screen is redrawn in place while events and the log scroll by above it: each line is there once, whole, and nothing of the screen remains.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(200)]
    public async Task Train_OnATerminal_LeavesEventsAndTheLogAndNothingOfTheScreen(int columns)
    {
        using var terminal = Terminal.Start(columns, 24, _directory, "train", "--workers", "2", "--dataset", "synthetic", "--epochs", "12", "--evaluate-every", "epoch", "--out", "run");
        Assert.True(await terminal.ReadUntilAsync(screen => Has(screen, "computing") && Has(screen, "epoch 2"), _patience.Token), terminal.Raw);
        var live = terminal.Lines;
        var header = live.ToList().FindLastIndex(line => line.StartsWith("worker  ", StringComparison.Ordinal));
        Assert.Equal(2, live.Skip(header + 1).Count(line => WorkerRow().IsMatch(line)));
        using (var worker = Process.GetProcessById(WorkerOf("worker-1.log")))
        {
            worker.Kill();
        }

        Assert.Equal(0, await terminal.ReadToEndAsync(_patience.Token));

        var text = string.Concat(terminal.Lines.Select(line => line.Length == columns ? line : line + "\n"));
        Assert.True(terminal.ShowsCursor);
        Assert.DoesNotContain('━', text);
        Assert.DoesNotContain("to go", text, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, 12), EpochLine().Matches(text).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)));
        Assert.Matches(@"worker \d \(pid \d+ on [^)]+\) lost: ", text);
        Assert.Matches(@"\d\d:\d\d:\d\d WRN ", text);
        Assert.Contains("parametersSha256", text, StringComparison.Ordinal);
    }

    /// <summary>Ctrl-C once: the run saves, and the terminal is as before.</summary>
    [Fact]
    public async Task Train_Interrupted_LeavesACleanTerminal()
    {
        using var terminal = Terminal.Start(80, 24, _directory, "train", "--dataset", "synthetic", "--epochs", "100000", "--evaluate-every", "end", "--out", "run");
        Assert.True(await terminal.ReadUntilAsync(screen => Has(screen, "to go"), _patience.Token), terminal.Raw);
        Assert.False(terminal.ShowsCursor);

        terminal.Type("\x03");

        Assert.Equal(ExitCode.Checkpointed, await terminal.ReadToEndAsync(_patience.Token));
        Assert.True(terminal.ShowsCursor);
        Assert.DoesNotContain(terminal.Lines, line => line.Contains('━', StringComparison.Ordinal));
        Assert.Contains(terminal.Lines, line => line.StartsWith("stopped after step ", StringComparison.Ordinal));
    }

    private static bool Has(Terminal terminal, string text) => terminal.Lines.Any(line => line.Contains(text, StringComparison.Ordinal));

    private int WorkerOf(string log) =>
        int.Parse(ProcessId().Match(File.ReadAllText(Path.Combine(_directory, "run", log))).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"pid (\d+)")]
    private static partial Regex ProcessId();

    [GeneratedRegex(@"^\d \S+\s+(computing|idle|late|slow)\s")]
    private static partial Regex WorkerRow();

    [GeneratedRegex(@"(?:^|\n)epoch (\d+): train loss")]
    private static partial Regex EpochLine();
}
