using System.Globalization;
using System.Net;
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
        var dataset = SyntheticDigits.Create(500, 60);
        var spec = SmallRun.Spec(steps: 12) with
        {
            Dataset = new DatasetSpec(dataset.Name, dataset.Digest, dataset.Train.Count, dataset.Test.Count, dataset.Train.ImageSize, dataset.Train.ClassCount),
        };
        using var single = Trainer.Run(spec, dataset, cancellation: TestContext.Current.CancellationToken);
        var (run, output) = (Path.Combine(_directory, "run.json"), Path.Combine(_directory, "parameters.safetensors"));
        // A run directory's run.json says where the data was, too.
        await File.WriteAllTextAsync(run, "{ \"data\": \"nowhere\"," + SpecJson.Write(spec)[1..], TestContext.Current.CancellationToken);

        await using var coordinator = WorkerProcess.StartProgram("disttrain-coordinator", NoEnvironment, "--config", run, "--listen", "127.0.0.1:0", "--out", output);
        await coordinator.SaysAsync("Listening on");
        var port = int.Parse(Port().Match(coordinator.LogText).Groups[1].Value, CultureInfo.InvariantCulture);
        await using var worker = WorkerProcess.Start(new IPEndPoint(IPAddress.Loopback, port), _directory, NoEnvironment);

        Assert.Equal(0, await coordinator.ExitAsync(TestCluster.Patience));
        Assert.Contains(SmallRun.Hash(single), coordinator.LogText, StringComparison.Ordinal);
        Assert.True(File.Exists(output));
        Assert.Equal(0, await worker.ExitAsync(TestCluster.Patience));
    }

    [Theory]
    [InlineData("disttrain-coordinator", 2, "no-such-file.json", "--config", "no-such-file.json")]
    [InlineData("disttrain-worker", 2, "--start-timeout", "--coordinator", "127.0.0.1:1", "--start-timeout", "NaN")]
    [InlineData("disttrain-worker", 2, "no coordinator address", "--coordinator", "::::")]
    [InlineData("disttrain-worker", 3, "no coordinator at 127.0.0.1:1", "--coordinator", "127.0.0.1:1", "--start-timeout", "0.2")]
    public async Task Program_CannotDoIt_SaysWhyAndExits(string program, int exitCode, string message, params string[] arguments)
    {
        await using var process = WorkerProcess.StartProgram(program, NoEnvironment, arguments);

        Assert.Equal(exitCode, await process.ExitAsync(TestCluster.Patience));
        Assert.Contains(message, process.LogText, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.LogText, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"Listening on 127\.0\.0\.1:(\d+)")]
    private static partial Regex Port();
}
