using System.Text.RegularExpressions;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Cluster.Tests;

/// <summary>The two roles as programs of their own.</summary>
public sealed partial class ProgramTests : IDisposable
{
    private static readonly Dictionary<string, string> NoEnvironment = [];

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Coordinator_WithAWorker_PrintsTheSingleProcessHashAndWritesTheParameters()
    {
        var (run, hash) = WriteRun();
        var output = Path.Combine(_directory, "parameters.safetensors");

        await using var coordinator = WorkerProcess.StartProgram("disttrain-coordinator", NoEnvironment, "--config", run, "--listen", "127.0.0.1:0", "--out", output);
        await coordinator.SaysAsync("Listening on");
        await using var worker = WorkerProcess.Start(Address().Match(coordinator.LogText).Groups[1].Value, _directory, NoEnvironment);

        Assert.Equal(0, await coordinator.ExitAsync(TestCluster.Patience));
        Assert.Contains(hash, coordinator.LogText, StringComparison.Ordinal);
        Assert.True(File.Exists(output));
        Assert.Equal(0, await worker.ExitAsync(TestCluster.Patience));
    }

    /// <summary>Over a socket's file that a killed coordinator has left behind.</summary>
    [Fact]
    public async Task Coordinator_OverASocketThatAKilledOneLeft_ReplacesItAndRemovesItAtTheEnd()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A coordinator makes no sockets there.");
        var (run, hash) = WriteRun();
        var socket = Path.Combine(_directory, "training.sock");
        string[] arguments = ["--config", run, "--listen", $"unix:{socket}"];
        await using (var killed = WorkerProcess.StartProgram("disttrain-coordinator", NoEnvironment, arguments))
        {
            await killed.SaysAsync($"Listening on unix:{socket};");
        }

        Assert.True(File.Exists(socket));
        await using var coordinator = WorkerProcess.StartProgram("disttrain-coordinator", NoEnvironment, arguments);
        await coordinator.SaysAsync($"Listening on unix:{socket};");
        await using (var second = WorkerProcess.StartProgram("disttrain-coordinator", NoEnvironment, arguments))
        {
            Assert.Equal(2, await second.ExitAsync(TestCluster.Patience));
            Assert.Contains($"Somebody listens on unix:{socket}", second.LogText, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", second.LogText, StringComparison.Ordinal);
        }

        await using var worker = WorkerProcess.Start($"unix:{socket}", _directory, NoEnvironment);

        Assert.Equal(0, await coordinator.ExitAsync(TestCluster.Patience));
        Assert.Contains(hash, coordinator.LogText, StringComparison.Ordinal);
        Assert.Equal(0, await worker.ExitAsync(TestCluster.Patience));
        Assert.False(File.Exists(socket));
    }

    [Theory]
    [InlineData("disttrain-coordinator", 2, "no-such-file.json", "--config", "no-such-file.json")]
    [InlineData("disttrain-worker", 2, "--start-timeout", "--coordinator", "127.0.0.1:1", "--start-timeout", "NaN")]
    [InlineData("disttrain-worker", 2, "no coordinator address", "--coordinator", "::::")]
    [InlineData("disttrain-worker", 2, "the path of a socket", "--coordinator", "unix:")]
    [InlineData("disttrain-worker", 3, "There is no socket /no/such.sock", "--coordinator", "unix:/no/such.sock", "--start-timeout", "0.2")]
    [InlineData("disttrain-worker", 3, "no coordinator at 127.0.0.1:1", "--coordinator", "127.0.0.1:1", "--start-timeout", "0.2")]
    public async Task Program_CannotDoIt_SaysWhyAndExits(string program, int exitCode, string message, params string[] arguments)
    {
        await using var process = WorkerProcess.StartProgram(program, NoEnvironment, arguments);

        Assert.Equal(exitCode, await process.ExitAsync(TestCluster.Patience));
        Assert.Contains(message, process.LogText, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.LogText, StringComparison.Ordinal);
    }

    /// <summary>A run.json, and what its run must end in.</summary>
    private (string Path, string Hash) WriteRun()
    {
        var dataset = SyntheticDigits.Create(500, 60);
        var spec = SmallRun.Spec(steps: 12) with
        {
            Dataset = new DatasetSpec(dataset.Name, dataset.Digest, dataset.Train.Count, dataset.Test.Count, dataset.Train.ImageSize, dataset.Train.ClassCount),
        };
        using var single = Trainer.Run(spec, dataset, cancellation: TestContext.Current.CancellationToken);
        var path = Path.Combine(_directory, "run.json");
        // A run directory's run.json says where the data was, too.
        File.WriteAllText(path, "{ \"data\": \"nowhere\"," + SpecJson.Write(spec)[1..]);
        return (path, SmallRun.Hash(single));
    }

    [GeneratedRegex(@"Listening on (127\.0\.0\.1:\d+)")]
    private static partial Regex Address();
}
