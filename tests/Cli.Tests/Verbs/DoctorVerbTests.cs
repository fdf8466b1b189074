using System.Text.Json;
using System.Text.RegularExpressions;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli.Tests.Verbs;

public sealed class DoctorVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Options_FromEverywhere_AreNamedWithTheirOrigin()
    {
        _command.Write("run.json", """{ "seed": 5, "lr": 0.5 }""");
        _command.Variables["DISTTRAIN_LR"] = "0.25";
        _command.Variables["SLURM_CPUS_PER_TASK"] = "2";

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic", "--config", "run.json", "--batch-size", "17"));

        Assert.Equal(("17", "command line", "--batch-size"), Option("--batch-size"));
        Assert.Equal(("0.25", "environment", "DISTTRAIN_LR"), Option("--lr"));
        Assert.Equal(("2", "platform", "SLURM_CPUS_PER_TASK"), Option("--threads"));
        Assert.Equal(("5", "configuration file"), (Option("--seed").Value, Option("--seed").Origin));
        Assert.Contains("run.json (line 1): seed", Option("--seed").Place, StringComparison.Ordinal);
        Assert.Equal(("8", "default", null), Option("--shards"));
        Assert.DoesNotContain(Findings(), finding => finding.State == "problem");
    }

    /// <summary>For a run of this machine: what it has.</summary>
    [Fact]
    public async Task Machine_IsExamined()
    {
        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic"));

        Assert.Equal(["version", "processor", "bits", "memory", "shared memory", "data", "port", "platform"], Findings().Select(finding => finding.Topic));
        Assert.Contains("vectors of 128, 256 and 512 bits", Findings()[2].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MistypedVariable_IsNoted()
    {
        _command.Surroundings = _command.Surroundings with { VariableNames = ["PATH", "DISTTRAIN_WORKRES", "DISTTRAIN_SEED", "DISTTRAIN_OF_SOMEBODY_ELSE"] };

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic"));

        var noted = Assert.Single(Findings(), finding => finding.Topic == "variable");
        Assert.Contains("DISTTRAIN_WORKRES", noted.Detail, StringComparison.Ordinal);
        Assert.Contains("DISTTRAIN_WORKERS", noted.Detail, StringComparison.Ordinal);
    }

    /// <summary>The files of deploy/, the shows of bench/ and the tests read variables of their own.</summary>
    [Fact]
    public async Task VariablesOfThisRepository_AreNotTakenForMistypedOnes()
    {
        var names = Source.Files("deploy", "bench", "tests").SelectMany(path => Regex.Matches(File.ReadAllText(path), "DISTTRAIN_[A-Z_]+[A-Z]")).Select(match => match.Value)
            .Where(name => name != "DISTTRAIN_WORKRES").Distinct().ToList();
        Assert.Contains("DISTTRAIN_IDENTITY_VOLUME", names);
        _command.Surroundings = _command.Surroundings with { VariableNames = names };

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic"));

        Assert.DoesNotContain(Findings(), finding => finding.Topic == "variable");
    }

    [Theory]
    [InlineData("--batch-size many", "--batch-size is 'many'")]
    [InlineData("--data nowhere", "mnist is not here; 'disttrain data fetch --dataset mnist --data nowhere'", "--data says to look")]
    [InlineData("--dataset kmnist", "kmnist is not here; put train-images-idx3-ubyte, ", "(plain or .gz) into ", "--data")]
    [InlineData("--dataset kmnist --data nowhere", "kmnist is not here; put train-images-idx3-ubyte, ", "(plain or .gz) into ")]
    [InlineData("--dataset mnits", "--dataset is 'mnits'", "Did you mean 'mnist'?")]
    [InlineData("--dataset csv:", "--dataset is 'csv:'", "csv:FILE")]
    [InlineData("--dataset csv:run.json,missing.csv", "there is no file", "missing.csv")]
    [InlineData("--dataset images:run.json", "there is no directory", "run.json")]
    [InlineData("--epochs 1 --steps 5", "--epochs and --steps both say how long to train; give one of the two.")]
    [InlineData("--hidden 50", "--hidden goes with --model multi-layer")]
    [InlineData("--model missing.json", "missing.json", "cannot be read")]
    [InlineData("--audit 0.5", "--audit compares what two workers compute", "give at least 2")]
    [InlineData("--min-workers 2", "--min-workers goes with --workers 1 or more")]
    [InlineData("--workers 2 --min-workers 3", "--min-workers is 3", "--workers 2")]
    [InlineData("--listen 127.0.0.1:0", "--listen goes with several tasks of Slurm")]
    [InlineData("--optimizer sgd --momentum 0.5", "no hyperparameter momentum")]
    [InlineData("--out full", "not empty", "keep.txt")]
    [InlineData("--resume auto", "--resume auto goes on with the run in --out DIR")]
    [InlineData("--config missing.json", "missing.json cannot be read")]
    [InlineData("--config bad.json", "bad.json (line 1)", "Did you mean 'batchSize'?")]
    public async Task WhatARunWouldRefuse_IsAProblem(string line, params string[] details)
    {
        _command.Variables["XDG_CACHE_HOME"] = _command.Directory;
        _command.Write("run.json", "{}");
        _command.Write("bad.json", """{ "batchsize": 10 }""");
        Directory.CreateDirectory(_command.File("full"));
        _command.Write("full/keep.txt", "mine");

        Assert.Equal(2, await _command.RunAsync(["doctor", "--json", .. line.Split(' ')]));

        Assert.Contains(Findings(), finding => finding.State == "problem" && details.All(detail => finding.Detail.Contains(detail, StringComparison.Ordinal)));
        Assert.Single(Findings(), finding => finding.State == "problem");
    }

    /// <summary>Whatever cannot be read is told of, and the rest is looked at in any case.</summary>
    [Theory]
    [InlineData("DISTTRAIN_JSON", "maybe", "DISTTRAIN_JSON is 'maybe'")]
    [InlineData("DISTTRAIN_CONFIG", "missing.json", "missing.json")]
    [InlineData("DISTTRAIN_CONFIG", "no.json", "no.json")]
    [InlineData("DISTTRAIN_THREADS", "many", "DISTTRAIN_THREADS is 'many'")]
    [InlineData("SLURM_PROCID", "3", "SLURM_PROCID is 3")]
    [InlineData("", "--data ", "--data is ''")]
    [InlineData("", "--config ", "--config is ''")]
    [InlineData("", "--out ", "--out is ''")]
    public async Task WhatCannotBeRead_IsOneProblem_AndTheRestIsTold(string variable, string value, string expected)
    {
        _command.Write("no.json", "{ \"seed\": ");
        if (variable.Length > 0)
        {
            _command.Variables[variable] = value;
        }

        Assert.Equal(2, await _command.RunAsync(["doctor", "--dataset", "synthetic", .. variable.Length > 0 ? [] : value.Split(' ')]));

        var lines = _command.Output.Split('\n');
        var problem = Assert.Single(lines, line => line.StartsWith("problem", StringComparison.Ordinal));
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("ok       port", StringComparison.Ordinal) || line.StartsWith("note     port", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("--seed", StringComparison.Ordinal));
        Assert.Equal("", _command.Error);
    }

    /// <summary>What a worker would find wrong in its environment concerns only a run that has workers.</summary>
    [Theory]
    [InlineData("0", 0)]
    [InlineData("2", 2)]
    public async Task WhatAWorkerWouldRefuse_IsAProblemOfARunWithWorkers(string workers, int exitCode)
    {
        _command.Variables["DISTTRAIN_RECONNECT_TIMEOUT"] = "x";

        Assert.Equal(exitCode, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic", "--workers", workers));

        Assert.Equal(exitCode > 0, Findings().Any(finding => finding.Detail.StartsWith("DISTTRAIN_RECONNECT_TIMEOUT is 'x'", StringComparison.Ordinal)));
    }

    /// <summary>With the run's own options below those of the command line, as the training would take them.</summary>
    [Fact]
    public async Task RunToGoOnWith_SaysTheRest()
    {
        Assert.Equal(0, await _command.TrainAsync("--model", "multi-layer", "--hidden", "5"));

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic", "--out", "run", "--resume", "auto", "--steps", "9"));

        Assert.Equal(2, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic", "--out", "run", "--resume", "auto", "--momentum", "0.5", "--optimizer", "sgd"));
    }

    [Theory]
    [InlineData("images:.")]
    [InlineData("csv:data.csv")]
    public async Task DataThatLiesThere_IsFound(string dataset)
    {
        _command.Write("data.csv", "");

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", dataset));

        Assert.Equal("ok", Findings().Single(finding => finding.Topic == "data").State);
    }

    [Fact]
    public async Task PodOfAnIndexedJob_IsNamed()
    {
        _command.Variables["JOB_COMPLETION_INDEX"] = "3";

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic"));

        Assert.Contains("worker-3", Findings().Single(finding => finding.Topic == "platform").Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PodOfAnIndexedJob_WithAWrongIndex_IsAProblem()
    {
        _command.Variables["JOB_COMPLETION_INDEX"] = "x";

        Assert.Equal(2, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic"));

        Assert.Equal("problem", Findings().Single(finding => finding.Topic == "platform").State);
    }

    /// <summary>What the help says is what is shown: each option of a training says its default, but for those that do nothing unless given.</summary>
    [Fact]
    public void DefaultText_OfOptions_IsFoundInTheirHelp()
    {
        Assert.Equal("100", CommonOptions.BatchSize.DefaultText);
        Assert.Equal($"127.0.0.1:{CommonOptions.DefaultPort}", CommonOptions.Coordinator.DefaultText);
        Assert.Equal("-", CommonOptions.Config.DefaultText);
        Assert.Equal("for cosine the rest of the run", LearningOptions.DecaySteps.DefaultText);
        Assert.All(DistTrainCommand.Verbs.SelectMany(verb => verb.Settings), setting =>
        {
            var text = setting.DefaultText;
            Assert.NotEqual("", text);
            // What is cut out of the middle of something is not a default.
            Assert.Equal(text.Count(c => c == '('), text.Count(c => c == ')'));
            Assert.DoesNotContain(". ", text, StringComparison.Ordinal);
        });
    }

    private (string Value, string Origin, string? Place) Option(string name)
    {
        var option = _command.Last.GetProperty("options").EnumerateArray().Single(option => option.GetProperty("option").GetString() == name);
        return (option.GetProperty("value").GetString()!, option.GetProperty("origin").GetString()!, option.GetProperty("place").GetString());
    }

    private IReadOnlyList<(string Topic, string State, string Detail)> Findings() =>
        [.. _command.Last.GetProperty("findings").EnumerateArray().Select(finding => (Text(finding, "topic"), Text(finding, "state"), Text(finding, "detail")))];

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
