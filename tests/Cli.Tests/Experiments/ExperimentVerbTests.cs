using DistTrain.Cli.Data;
using DistTrain.Cli.Experiments;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Tests.Experiments;

public sealed class ExperimentVerbTests : IDisposable
{
    private static readonly byte[] PngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G'];
    private readonly CommandRun _command = new();

    public ExperimentVerbTests() => _command.Surroundings = _command.Surroundings with { Self = ["dotnet", typeof(DistTrainCommand).Assembly.Location] };

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Experiment_NoWorkersAndTwo_SameCsv()
    {
        Assert.Equal(0, await _command.RunAsync("experiment", "weight-decay", "--quick", "--out", "alone"));
        Assert.Contains("seen: ", _command.Output, StringComparison.Ordinal);

        Assert.Equal(0, await _command.RunAsync("experiment", "weight-decay", "--quick", "--out", "two", "--workers", "2", "--threads", "1"));

        Assert.Equal(File.ReadAllBytes(_command.File("alone/weight-decay.csv")), File.ReadAllBytes(_command.File("two/weight-decay.csv")));
        Assert.Equal(PngSignature, File.ReadAllBytes(_command.File("two/weight-decay.png"))[..PngSignature.Length]);
    }

    [Fact]
    public async Task Experiment_WithJson_PrintsOneLineOfJson()
    {
        Assert.Equal(0, await _command.RunAsync("experiment", "activation-histograms", "--quick", "--json"));

        var line = Assert.Single(_command.Lines);
        Assert.Equal("activation-histograms", line.GetProperty("name").GetString());
        Assert.True(line.GetProperty("seen").GetBoolean());
        Assert.Equal(line.GetProperty("columns").GetArrayLength(), line.GetProperty("rows")[0].GetArrayLength());
        Assert.True(File.Exists(line.GetProperty("png").GetString()));
        Assert.Equal(_command.File("experiments/activation-histograms/activation-histograms.csv"), line.GetProperty("csv").GetString());
    }

    [Fact]
    public async Task Experiment_List_NamesAll()
    {
        Assert.Equal(0, await _command.RunAsync("experiment", "list"));

        Assert.All(ExperimentCatalog.All, experiment => Assert.Contains($"{experiment.Name} ", _command.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Experiment_UnknownName_IsRefusedWithASuggestion()
    {
        Assert.Equal(2, await _command.RunAsync("experiment", "optimisers"));

        Assert.Contains("optimizers", _command.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Experiment_OnNumbers_IsRefused()
    {
        var numbers = LabeledImages.FromValues(new float[784], [0], height: 1, width: 784, channels: 1, classCount: 10);
        _command.Surroundings = _command.Surroundings with
        {
            LoadDataset = (_, _, _) => Task.FromResult(new ResolvedDataset(new Dataset("table", numbers, numbers), "made for the test")),
        };

        Assert.Equal(2, await _command.RunAsync("experiment", "overfit", "--quick"));

        Assert.Contains("the samples of table are numbers", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Experiment_OutIsAFile_IsRefused()
    {
        _command.Write("taken", "");

        Assert.Equal(2, await _command.RunAsync("experiment", "activation-histograms", "--quick", "--out", "taken"));

        Assert.Contains("--out", _command.Error, StringComparison.Ordinal);
    }
}
