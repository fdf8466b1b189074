using System.Text.Json;

namespace DistTrain.Cli.Tests.Verbs;

public sealed class InspectVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Inspect_Model_PrintsALinePerLayerAndTotals()
    {
        Assert.Equal(0, await _command.RunAsync("inspect", "--model", "two-layer"));

        Assert.Equal(
            """
            two-layer: input (784,), loss softmax-cross-entropy
            layer  kind    output  parameters  buffers  multiply-adds
            0      affine  (100,)      78,500        0         78,400
            1      relu    (100,)           0        0              0
            2      affine  (10,)        1,010        0          1,000
            total                      79,510        0         79,400
            318,040 bytes of parameters and buffers; multiply-adds are those of products and convolutions in one sample's forward pass
            """,
            _command.Output.TrimEnd());
    }

    [Fact]
    public async Task Inspect_ModelWithBlocks_IndentsTheirLayers()
    {
        Assert.Equal(0, await _command.RunAsync("inspect", "--model", "resnet-20"));

        Assert.Contains(_command.Output.Split('\n'), line => line.StartsWith("  3.main.0 ", StringComparison.Ordinal));
        Assert.Contains("the sum of the indented ones", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_Json_IsOneObjectWithEqualSums()
    {
        Assert.Equal(0, await _command.RunAsync("inspect", "--model", "multi-layer", "--hidden", "6,5", "--batch-norm", "--dropout", "0.25", "--json"));

        var layers = Assert.Single(_command.Lines).GetProperty("layers").EnumerateArray().ToList();
        string[] hidden = ["affine", "batch-normalization", "relu", "dropout"];
        Assert.Equal([.. hidden, .. hidden, "affine"], layers.Select(layer => layer.GetProperty("kind").GetString()!));
        foreach (var count in new[] { "parameters", "buffers", "multiplyAdds" })
        {
            Assert.Equal(_command.Last.GetProperty(count).GetInt64(), layers.Sum(layer => layer.GetProperty(count).GetInt64()));
        }

        // 784·6 + 6, 2·6, 6·5 + 5, 2·5, 5·10 + 10; and two statistics per hidden unit.
        Assert.Equal((4827, 22, 4 * (4827 + 22)), (
            _command.Last.GetProperty("parameters").GetInt32(), _command.Last.GetProperty("buffers").GetInt32(), _command.Last.GetProperty("bytes").GetInt32()));
    }

    /// <summary>The documented way to a model of one's own.</summary>
    [Fact]
    public async Task Inspect_Spec_CanBeSavedAndTrained()
    {
        Assert.Equal(0, await _command.RunAsync("inspect", "--model", "multi-layer", "--hidden", "4", "--batch-norm", "--spec"));
        _command.Write("mine.json", _command.Output);

        Assert.Equal(0, await _command.TrainAsync("--model", "mine.json"));

        var written = JsonDocument.Parse(await File.ReadAllTextAsync(_command.File("mine.json"), TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal(JsonSerializer.Serialize(written.GetProperty("layers")), JsonSerializer.Serialize(JsonDocument.Parse(_command.Spec("model.layers")).RootElement));
    }

    [Fact]
    public async Task Train_CompanionsOfMultiLayer_FromCommandLineAndFile()
    {
        _command.Write("config.json", """{ "model": "multi-layer", "hidden": [4], "batchNorm": true, "dropout": 0.25 }""");
        Assert.Equal(0, await _command.TrainAsync("--config", "config.json", "--steps", "1"));
        var fromFile = _command.Spec("model.layers");

        Directory.Delete(_command.File("run"), recursive: true);
        Assert.Equal(0, await _command.TrainAsync("--model", "multi-layer", "--hidden", "4", "--batch-norm", "--dropout", "0.25"));

        Assert.Equal(fromFile, _command.Spec("model.layers"));
        Assert.Contains("\"probability\": 0.25", fromFile, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--batch-norm goes with --model multi-layer", "inspect", "--model", "two-layer", "--batch-norm")]
    [InlineData("--dropout is '1'", "inspect", "--model", "multi-layer", "--dropout", "1")]
    [InlineData("one of: ", "inspect", "--model", "lenet")]
    [InlineData("none.json", "inspect", "--model", "none.json")]
    [InlineData("There is no run directory", "inspect", "--health", "none")]
    [InlineData("--model does not go with --health", "inspect", "--health", "run", "--model", "two-layer")]
    public async Task Inspect_WrongUse_SaysWhatToDo(string expected, params string[] arguments)
    {
        Assert.Equal(2, await _command.RunAsync(arguments));

        Assert.Contains(expected, _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_ImpossibleLayer_NamesItAndBothShapes()
    {
        _command.Write("big.json", """{ "name": "big", "input": [1, 4, 4], "layers": [{ "type": "relu" }, { "type": "convolution", "filters": 2, "kernel": 5 }] }""");

        Assert.Equal(2, await _command.RunAsync("inspect", "--model", "big.json"));

        Assert.Contains("layer 1 (convolution), whose input is (1, 4, 4)", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_RunFromZeroWeights_NamesItAndExitsWith0()
    {
        Assert.Equal(0, await _command.TrainAsync("--model", "multi-layer", "--hidden", "4", "--initializer", "zero"));
        var before = RunFiles.Snapshot(_command.File("run"));

        Assert.Equal(0, await _command.RunAsync("inspect", "--health", "run", "--json"));

        Assert.Equal(("health", 2), (_command.Last.GetProperty("event").GetString(), _command.Last.GetProperty("steps").GetInt32()));
        Assert.Contains("never-moved 0.weight", Findings());
        Assert.Contains("equal-units 0.weight", Findings());
        Assert.Contains("dead-units 1 (relu)", Findings());
        Assert.Equal((4, 4), Assert.Single(_command.Last.GetProperty("activations").EnumerateArray().Select(a => (a.GetProperty("units").GetInt32(), a.GetProperty("inactive").GetInt32()))));
        Assert.Equal(before, RunFiles.Snapshot(_command.File("run")));

        Assert.Equal(0, await _command.RunAsync("inspect", "--health", "run"));
        Assert.Contains("dead-units: 1 (relu): 4 of its 4 units give 0", _command.Output, StringComparison.Ordinal);
        Assert.Contains("Cure: ", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_RunThatLearns_FindsNothingWithOrWithoutItsCheckpoints()
    {
        Assert.Equal(0, await _command.TrainAsync("--epochs", "15", "--batch-size", "20", "--lr", "0.02"));

        Assert.Equal(0, await _command.RunAsync("inspect", "--health", "run"));
        Assert.Equal(
            "two-layer on synthetic after 90 steps; looked at 120 training and 40 test images\nnothing found", _command.Output.TrimEnd().ReplaceLineEndings("\n"));

        // As a run looks that is still going on.
        File.Move(_command.File("run/parameters.safetensors"), _command.File("parameters"));
        Assert.Equal(0, await _command.RunAsync("inspect", "--health", "run", "--json"));
        Assert.Empty(Findings());

        // As one whose result was copied alone.
        File.Move(_command.File("parameters"), _command.File("run/parameters.safetensors"));
        Directory.Delete(_command.File("run/checkpoints"), recursive: true);
        Assert.Equal(0, await _command.RunAsync("inspect", "--health", "run", "--json"));
        Assert.Empty(Findings());

        File.Delete(_command.File("run/parameters.safetensors"));
        Assert.Equal(2, await _command.RunAsync("inspect", "--health", "run"));
        Assert.Contains("neither a valid checkpoint nor parameters.safetensors", _command.Error, StringComparison.Ordinal);
    }

    private IEnumerable<string> Findings() =>
        _command.Last.GetProperty("findings").EnumerateArray().Select(f => $"{f.GetProperty("problem").GetString()} {f.GetProperty("where").GetString()}");
}
