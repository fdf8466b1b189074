using System.Text.Json;
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
        _command.Surroundings = _command.Surroundings with { VariableNames = ["PATH", "DISTTRAIN_WORKRES", "DISTTRAIN_SEED"] };

        Assert.Equal(0, await _command.RunAsync("doctor", "--json", "--dataset", "synthetic"));

        var noted = Assert.Single(Findings(), finding => finding.Topic == "variable");
        Assert.Contains("DISTTRAIN_WORKRES", noted.Detail, StringComparison.Ordinal);
        Assert.Contains("DISTTRAIN_WORKERS", noted.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--batch-size", "many", "--batch-size is 'many'")]
    [InlineData("--data", "nowhere", "mnist is not in")]
    public async Task WhatARunWouldRefuse_IsAProblem(string option, string value, string detail)
    {
        Assert.Equal(2, await _command.RunAsync("doctor", option, value));

        Assert.Contains(_command.Output.Split('\n'), line => line.StartsWith("problem", StringComparison.Ordinal) && line.Contains(detail, StringComparison.Ordinal));
    }

    /// <summary>What the help says is what is shown: each option of a training says its default, but for those that do nothing unless given.</summary>
    [Fact]
    public void DefaultText_OfOptions_IsFoundInTheirHelp()
    {
        Assert.Equal("100", CommonOptions.BatchSize.DefaultText);
        Assert.Equal($"127.0.0.1:{CommonOptions.DefaultPort}", CommonOptions.Coordinator.DefaultText);
        Assert.Equal("-", CommonOptions.Config.DefaultText);
        Assert.All(new TrainVerb().Settings, setting => Assert.NotEqual("", setting.DefaultText));
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
