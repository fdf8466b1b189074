namespace DistTrain.Cli.Tests.Options;

public sealed class PrecedenceTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Theory]
    [InlineData("40", "30", "20", "40")]
    [InlineData(null, "30", "20", "30")]
    [InlineData(null, null, "20", "20")]
    [InlineData(null, "", "20", "20")]
    [InlineData(null, null, null, "100")]
    public async Task BatchSize_FromSeveralPlaces_TakesTheStrongest(string? commandLine, string? environment, string? file, string expected)
    {
        _command.Write("config.json", file is null ? "{}" : $$"""{ "batchSize": {{file}} }""");
        if (environment is not null)
        {
            _command.Variables["DISTTRAIN_BATCH_SIZE"] = environment;
        }

        var code = await _command.TrainAsync(["--config", "config.json", "--steps", "1", .. commandLine is null ? [] : new[] { "--batch-size", commandLine }]);

        Assert.Equal((0, expected), (code, _command.Spec("batchSize")));
    }

    [Fact]
    public async Task Duration_InFileAndOnCommandLine_CommandLineReplacesTheOtherUnit()
    {
        _command.Write("config.json", """{ "epochs": 7, "data": null }""");

        Assert.Equal(0, await _command.TrainAsync("--config", "config.json", "--steps", "1"));

        Assert.Equal("1", _command.Spec("steps"));
        Assert.Throws<KeyNotFoundException>(() => _command.Spec("epochs"));
    }

    [Fact]
    public async Task Optimizer_AnotherThanTheFiles_DoesNotInheritItsConstants()
    {
        _command.Write("config.json", """{ "optimizer": { "name": "momentum", "learningRate": 0.5, "momentum": 0.8 } }""");

        Assert.Equal(0, await _command.TrainAsync("--config", "config.json", "--steps", "1", "--optimizer", "adam"));

        Assert.Equal(("adam", "0.001"), (_command.Spec("optimizer.name"), _command.Spec("optimizer.learningRate")));
    }

    [Fact]
    public async Task Optimizer_OfTheFile_TakesSingleConstantsFromTheCommandLine()
    {
        _command.Write("config.json", """{ "optimizer": { "name": "nesterov", "learningRate": 0.5, "momentum": 0.8 } }""");

        Assert.Equal(0, await _command.TrainAsync("--config", "config.json", "--steps", "1", "--lr", "0.25"));

        Assert.Equal(("0.25", "0.8"), (_command.Spec("optimizer.learningRate"), _command.Spec("optimizer.momentum")));
    }

    [Fact]
    public async Task Learning_FromOptionsThenFromTheRunsFile_IsTheSameRun()
    {
        string[] options =
        [
            "--optimizer", "lamb", "--weight-decay", "0.5", "--l1", "0.25", "--clip-norm", "2", "--schedule", "cosine", "--warmup-steps", "1", "--decay-steps", "7",
            "--min-lr", "0.0001",
        ];
        Assert.Equal(0, await _command.TrainAsync(options));
        var (optimizer, hash) = (_command.Spec("optimizer"), Hash());
        Assert.Equal(("0.5", "0.25", "2"), (_command.Spec("optimizer.weightDecay"), _command.Spec("optimizer.l1"), _command.Spec("optimizer.clipNorm")));
        Assert.Equal(
            ("cosine", "1", "7", "0.0001"),
            (_command.Spec("optimizer.schedule.kind"), _command.Spec("optimizer.schedule.warmupSteps"), _command.Spec("optimizer.schedule.decaySteps"),
                _command.Spec("optimizer.schedule.minimumLearningRate")));

        System.IO.Directory.Move(_command.File("run"), _command.File("first"));
        Assert.Equal(0, await _command.TrainAsync("--config", "first/run.json"));
        Assert.Equal((optimizer, hash), (_command.Spec("optimizer"), Hash()));

        string Hash() => _command.Last.GetProperty("parametersSha256").GetString()!;
    }

    [Fact]
    public async Task Schedule_AnotherThanTheFiles_InheritsTheWarmupAndNotTheFalls()
    {
        _command.Write("config.json", """
            { "optimizer": { "name": "sgd", "learningRate": 0.5, "weightDecay": 0.1, "schedule": { "kind": "step", "warmupSteps": 3, "decaySteps": 4, "gamma": 0.5 } } }
            """);

        Assert.Equal(0, await _command.TrainAsync("--config", "config.json", "--steps", "9", "--schedule", "cosine"));

        Assert.Equal("""{"kind":"cosine","warmupSteps":3}""", Compact("optimizer.schedule"));
        Assert.Equal("0.1", _command.Spec("optimizer.weightDecay"));
    }

    [Fact]
    public async Task Optimizer_AnotherThanTheFiles_TakesNeitherItsDecayNorItsSchedule()
    {
        _command.Write("config.json", """
            { "optimizer": { "name": "sgd", "learningRate": 0.5, "weightDecay": 0.1, "schedule": { "kind": "step", "decaySteps": 4 } } }
            """);

        Assert.Equal(0, await _command.TrainAsync("--config", "config.json", "--steps", "1", "--optimizer", "adamw", "--warmup-steps", "2"));

        Assert.Equal(
            """{"name":"adamw","learningRate":0.001,"schedule":{"kind":"constant","warmupSteps":2}}""", Compact("optimizer"));
    }

    [Fact]
    public async Task Config_NamedByTheEnvironment_IsRead()
    {
        _command.Write("config.json", """
            {
              // comments and trailing commas are allowed
              "model": "multi-layer", "hidden": [7, 5], "activation": "tanh", "seed": 18446744073709551615, "shards": 3,
            }
            """);
        _command.Variables["DISTTRAIN_CONFIG"] = "config.json";

        Assert.Equal(0, await _command.TrainAsync());

        Assert.Equal(("18446744073709551615", "3"), (_command.Spec("seed"), _command.Spec("shardCount")));
        Assert.Contains("\"units\":7", _command.Spec("model.layers").ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flag_FromTheEnvironment_IsUnderstood()
    {
        _command.Variables["DISTTRAIN_JSON"] = "1";

        Assert.Equal(0, await _command.RunAsync("train", "--steps", "1", "--out", "run"));

        Assert.Equal("completed", _command.Last.GetProperty("event").GetString());
    }

    private string Compact(string path) => _command.Spec(path).ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal);
}
