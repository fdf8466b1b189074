using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>A search with real processes of this build, on the full synthetic digits, which each of them draws for itself.</summary>
public sealed class SearchProcessTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly string[] Options =
    [
        "search", "--dataset", "synthetic", "--model", "multi-layer", "--hidden", "8", "--lr", "log:1e-3..1", "--trials", "3", "--refine", "0", "--steps", "4", "--json",
    ];

    private readonly CommandRun _command = new();

    public SearchProcessTests() => _command.Surroundings = _command.Surroundings with
    {
        Self = ["dotnet", typeof(DistTrainCommand).Assembly.Location],
        LoadDataset = null,
        Time = TimeProvider.System,
    };

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Search_KilledHalfWayAndResumed_LeavesNoProcessAndGivesTheTableOfOneProcess()
    {
        Assert.Equal(0, await _command.RunAsync([.. Options, "--out", "alone"]));
        var trainers = new ConcurrentBag<int>();
        var hasResult = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (var search = Start([.. Options, "--out", "found", "--workers", "2"]))
        {
            search.OutputDataReceived += (_, line) => See(line.Data);
            search.BeginOutputReadLine();
            await hasResult.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
            search.Kill();
            await search.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        }

        // Their input has closed with the search.
        await Task.WhenAll(trainers.Select(EndOf)).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(_command.File("found/search.csv")));
        Assert.Equal(0, await _command.RunAsync("search", "--resume", "auto", "--out", "found", "--workers", "2", "--json"));

        Assert.InRange(_command.Lines.Count(line => line.GetProperty("event").GetString() == "trial"), 0, 2);
        foreach (var name in (string[])["search.csv", "search.json"])
        {
            Assert.Equal(
                await File.ReadAllTextAsync(_command.File($"alone/{name}"), TestContext.Current.CancellationToken),
                await File.ReadAllTextAsync(_command.File($"found/{name}"), TestContext.Current.CancellationToken));
        }

        void See(string? line)
        {
            if (line is null)
            {
                return;
            }

            var happened = JsonDocument.Parse(line).RootElement;
            if (happened.GetProperty("event").GetString() == "trialStarted")
            {
                trainers.Add(happened.GetProperty("processId").GetInt32());
            }
            else if (happened.GetProperty("event").GetString() == "trial")
            {
                hasResult.TrySetResult();
            }
        }
    }

    private Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(_command.Surroundings.Self[0]) { RedirectStandardOutput = true, WorkingDirectory = _command.Directory };
        foreach (var argument in (IEnumerable<string>)[.. _command.Surroundings.Self.Skip(1), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private static async Task EndOf(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        catch (ArgumentException)
        {
            // It has ended already.
        }
    }
}
