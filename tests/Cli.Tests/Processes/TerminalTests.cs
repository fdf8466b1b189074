using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using DistTrain.Cli.Tests.Views;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>What a person sees, on a real pseudo-terminal.</summary>
public sealed partial class TerminalTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>Longer than any test.</summary>
    private static readonly string[] EndlessRun = ["train", "--dataset", "synthetic", "--epochs", "100000", "--evaluate-every", "end", "--out", "run"];
    private readonly string _directory;
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    public TerminalTests()
    {
        Assert.SkipUnless(Terminal.IsSupported, "There is no script(1) here, which opens pseudo-terminals.");
        _directory = Directory.CreateTempSubdirectory("disttrain-terminal-").FullName;
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
        using var terminal = Start(columns, "train", "--workers", "2", "--dataset", "synthetic", "--epochs", "6", "--evaluate-every", "epoch", "--out", "run");
        await SeeAsync(terminal, screen => WorkerRows(screen) == 2 && Has(screen, "computing") && Has(screen, "epoch 2"));
        using (var worker = Process.GetProcessById(WorkerOf("worker-1.log")))
        {
            worker.Kill();
        }

        Assert.Equal(0, await terminal.ReadToEndAsync(_patience.Token));

        AssertIsClean(terminal.Screen);
        var text = string.Join('\n', terminal.Screen.Lines);
        Assert.Equal(Enumerable.Range(1, 6), EpochLine().Matches(text).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)));
        Assert.Matches(@"worker \d \(pid \d+ on [^)]+\) lost: ", text);
        Assert.Matches(@"\d\d:\d\d:\d\d WRN ", text);
        Assert.Contains("parametersSha256", text, StringComparison.Ordinal);
    }

    /// <summary>Ctrl-S, or a connection that has stalled: the run goes on, ends and leaves its parameters.</summary>
    [Theory]
    [InlineData("0")]
    [InlineData("2")]
    public async Task Train_OnATerminalThatTakesNothing_EndsAllTheSame(string workers)
    {
        using var terminal = Start(80, "train", "--workers", workers, "--dataset", "synthetic", "--epochs", "3", "--out", "run");
        await SeeAsync(terminal, screen => Has(screen, "to go"));

        terminal.Type("\x13");

        Assert.Equal(0, await terminal.ReadToEndAsync(_patience.Token));
        Assert.DoesNotContain("parametersSha256", terminal.Screen.Raw, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_directory, "run", "parameters.safetensors")));
        Assert.Contains("\"completed\"", await File.ReadAllTextAsync(Path.Combine(_directory, "run", "metrics.jsonl"), _patience.Token), StringComparison.Ordinal);
    }

    /// <summary>Ctrl-C once: the run saves, and the terminal is as before.</summary>
    [Fact]
    public async Task Train_Interrupted_LeavesACleanTerminal()
    {
        using var terminal = Start(80, EndlessRun);
        await SeeAsync(terminal, screen => Has(screen, "to go"));

        terminal.Type("\x03");

        Assert.Equal(ExitCode.Checkpointed, await terminal.ReadToEndAsync(_patience.Token));
        AssertIsClean(terminal.Screen);
        Assert.Contains(terminal.Screen.Lines, line => line.StartsWith("stopped after step ", StringComparison.Ordinal));
    }

    /// <summary>Nothing can be cleared away then; but the cursor shows, and is below a whole screen.</summary>
    [Fact]
    public async Task Train_Killed_LeavesTheCursorBelowAWholeScreen()
    {
        using var terminal = Start(80, EndlessRun);
        await SeeAsync(terminal, screen => Has(screen, "to go"));
        using (var process = Process.GetProcessById(RunLock.Read(DiskFileSystem.Instance, Path.Combine(_directory, "run"))!.Value.Holder.ProcessId))
        {
            process.Kill();
        }

        Assert.NotEqual(0, await terminal.ReadToEndAsync(_patience.Token));

        Assert.True(terminal.Screen.ShowsCursor);
        Assert.Equal((terminal.Screen.Rows.Count - 1, 0), terminal.Screen.Cursor);
        Assert.Contains("to go", terminal.Screen.Rows[^3], StringComparison.Ordinal);
        Assert.StartsWith("loss ", terminal.Screen.Rows[^2], StringComparison.Ordinal);
    }

    /// <summary>Where lines cannot be drawn again, or nobody wants them to be: plain ones.</summary>
    [Theory]
    [InlineData("TERM", "dumb")]
    [InlineData("TERM", null)]
    [InlineData("TERM", "a-terminal-nobody-knows")]
    [InlineData("CI", "true")]
    [InlineData("NO_COLOR", "1")]
    public async Task Train_OnATerminalThatCannot_SaysItInPlainLines(string variable, string? value)
    {
        using var terminal = Terminal.Start(80, 24, _directory, [(variable, value)], "train", "--dataset", "synthetic", "--steps", "20", "--out", "run");

        Assert.Equal(0, await terminal.ReadToEndAsync(_patience.Token));

        Assert.Contains(terminal.Screen.Lines, line => line.StartsWith("done: 20 steps", StringComparison.Ordinal));
        Assert.DoesNotContain("\e[J", terminal.Screen.Raw, StringComparison.Ordinal);
        Assert.DoesNotContain("─", terminal.Screen.Raw, StringComparison.Ordinal);
    }

    private Terminal Start(int columns, params string[] arguments) => Terminal.Start(columns, 24, _directory, [], arguments);

    private async Task SeeAsync(Terminal terminal, Func<TerminalScreen, bool> holds) =>
        Assert.True(await terminal.ReadUntilAsync(holds, _patience.Token), terminal.Screen.Raw);

    private static bool Has(TerminalScreen screen, string text) => screen.Rows.Any(line => line.Contains(text, StringComparison.Ordinal));

    private static int WorkerRows(TerminalScreen screen)
    {
        var rows = screen.Rows.ToList();
        return rows.Skip(rows.FindLastIndex(row => row.StartsWith("worker  ", StringComparison.Ordinal)) + 1).Count(row => WorkerRow().IsMatch(row));
    }

    private static void AssertIsClean(TerminalScreen screen)
    {
        Assert.True(screen.ShowsCursor);
        Assert.DoesNotContain(screen.Rows, row => row.Contains('━', StringComparison.Ordinal) || row.Contains('─', StringComparison.Ordinal));
        Assert.DoesNotContain(screen.Rows, row => row.Contains("to go", StringComparison.Ordinal));
        Assert.Equal(0, screen.Cursor.Column);
    }

    private int WorkerOf(string log) =>
        int.Parse(ProcessId().Match(File.ReadAllText(Path.Combine(_directory, "run", log))).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"pid (\d+)")]
    private static partial Regex ProcessId();

    [GeneratedRegex(@"^\d \S+\s+(computing|idle|late|slow)\s")]
    private static partial Regex WorkerRow();

    [GeneratedRegex(@"(?:^|\n)epoch (\d+): train loss")]
    private static partial Regex EpochLine();
}
