using System.Text.RegularExpressions;

namespace DistTrain.Cluster.Tests;

/// <summary>A program with a layer, a loss, a model and a dataset of its own trains them on workers that are itself.</summary>
public sealed partial class OwnLayerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Train_InTheSampleProgram_GivesOneHashInProcessAndOnTwoWorkersAndLearns()
    {
        var (single, cluster) = (await Train(workers: 0), await Train(workers: 2));
        Assert.Equal(single.Hash, cluster.Hash);
        Assert.InRange(single.Accuracy, 0.9, 1);
    }

    private async Task<(string Hash, double Accuracy)> Train(int workers)
    {
        await using var program = WorkerProcess.StartProgram(
            "DistTrain.Samples.OwnLayer",
            new Dictionary<string, string>(),
            "train", "--model", "circle", "--dataset", "circle", "--epochs", "4", "--json",
            "--workers", $"{workers}", "--out", Path.Combine(_directory, $"{workers}"));
        Assert.Equal(0, await program.ExitAsync(TestCluster.Patience));
        var completed = Completed().Match(program.LogText);
        Assert.True(completed.Success, program.LogText);
        return (completed.Groups[2].Value, double.Parse(completed.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
    }

    [GeneratedRegex("""testAccuracy":([0-9.]+).*"parametersSha256":"([0-9a-f]{64})""")]
    private static partial Regex Completed();
}
