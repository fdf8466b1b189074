using System.ComponentModel;
using System.Diagnostics;
using DistTrain.Core.Formats;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary><c>evaluate --weights</c></summary>
public sealed class WeightsTests : IDisposable
{
    private const string SmallConvNet = """
        {
          "name": "small", "input": [1, 28, 28],
          "layers": [
            { "type": "convolution", "filters": 2, "kernel": 5, "stride": 4, "bias": false }, { "type": "batch-normalization" }, { "type": "relu" },
            { "type": "max-pooling", "size": 2 }, { "type": "flatten" }, { "type": "affine", "units": 10 }
          ]
        }
        """;

    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Evaluate_WeightsOfARun_GivesTheRunsNumbers()
    {
        Assert.Equal(0, await _command.TrainAsync("--model", _command.Write("small.json", SmallConvNet)));
        var completed = _command.Last;

        Assert.Equal(0, await _command.RunAsync("evaluate", "--model", "small.json", "--weights", "run/parameters.safetensors", "--json"));

        Assert.All(
            ["testLoss", "testAccuracy", "parametersSha256", "model", "dataset"],
            name => Assert.Equal(completed.GetProperty(name).ToString(), _command.Last.GetProperty(name).ToString()));
        Assert.Equal(0, _command.Last.GetProperty("roundedValues").GetInt64());
        Assert.False(_command.Last.TryGetProperty("run", out _));
    }

    /// <summary>The documentation's Python: our file into PyTorch, out of it as npz, and the same bits here again.</summary>
    [Fact]
    public async Task Evaluate_WhatPyTorchMadeOfARunsParameters_HasTheSameBits()
    {
        Assert.SkipUnless(await RunPython("-c", "import torch") == 0, "needs python3 with torch");
        Assert.Equal(0, await _command.TrainAsync("--model", _command.Write("small.json", SmallConvNet)));
        var sha256 = _command.Last.GetProperty("parametersSha256").GetString();

        Assert.Equal(0, await RunPython(
            Path.Combine(AppContext.BaseDirectory, "fixtures", "check_formats.py"),
            Path.Combine(AppContext.BaseDirectory, "docs", "formats.md"),
            _command.File("run/parameters.safetensors"),
            _command.File("torch.npz")));

        Assert.Equal(0, await _command.RunAsync("evaluate", "--model", "small.json", "--weights", "torch.npz", "--json"));
        Assert.Equal(sha256, _command.Last.GetProperty("parametersSha256").GetString());
    }

    [Fact]
    public async Task Evaluate_WeightsOfAnotherModel_NamesFileTensorsAndShapes()
    {
        Assert.Equal(0, await _command.TrainAsync("--model", "multi-layer", "--hidden", "5"));

        Assert.Equal(2, await _command.RunAsync("evaluate", "--model", "two-layer", "--weights", "run/parameters.safetensors"));

        Assert.Contains("parameters.safetensors: ", _command.Error, StringComparison.Ordinal);
        Assert.Contains("0.weight has the shape (5, 784), but the model's is (100, 784)", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is nothing to evaluate", "evaluate")]
    [InlineData("There is nothing to evaluate", "evaluate", "--model", "two-layer")]
    [InlineData("--weights does not go with RUN", "evaluate", "run", "--weights", "x.npz")]
    [InlineData("--model does not go with RUN", "evaluate", "run", "--model", "two-layer")]
    [InlineData("x.npz: cannot be read", "evaluate", "--weights", "x.npz")]
    [InlineData("--hidden goes with --model multi-layer", "evaluate", "--hidden", "4", "--weights", "x.npz")]
    public async Task Evaluate_WrongUse_SaysWhatToDo(string expected, params string[] arguments)
    {
        Assert.Equal(2, await _command.RunAsync(arguments));

        Assert.Contains(expected, _command.Error, StringComparison.Ordinal);
    }

    /// <summary>A variable that names a model for every training does not change what a run is.</summary>
    [Fact]
    public async Task Evaluate_RunWhileAVariableNamesAModel_IsOfTheRunsModel()
    {
        Assert.Equal(0, await _command.TrainAsync("--model", "multi-layer", "--hidden", "5"));
        _command.Variables["DISTTRAIN_MODEL"] = "two-layer";

        Assert.Equal(0, await _command.RunAsync("evaluate", "run", "--json"));

        Assert.Equal("multi-layer", _command.Last.GetProperty("model").GetString());
    }

    [Fact]
    public async Task Evaluate_ModelThatDoesNotFitTheImages_NamesBothShapes()
    {
        _command.Write("other.json", """{ "name": "other", "input": [3, 8, 8], "layers": [{ "type": "affine", "units": 10 }] }""");
        using (var parameters = SpecJson.ReadModel(await File.ReadAllTextAsync(_command.File("other.json"), TestContext.Current.CancellationToken), "other.json").InitialParameters(1))
        using (var file = File.Create(_command.File("other.safetensors")))
        {
            SafeTensors.Write(file, parameters.Layout, parameters.Values);
        }

        Assert.Equal(2, await _command.RunAsync("evaluate", "--model", "other.json", "--weights", "other.safetensors"));

        Assert.Contains("Model other takes samples of shape (3, 8, 8)", _command.Error, StringComparison.Ordinal);
        Assert.Contains("(1, 28, 28)", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>The system's own Python, which has the system's packages, before one of a virtual environment.</summary>
    private static async Task<int> RunPython(params string[] arguments)
    {
        const string OfSystem = "/usr/bin/python3";
        try
        {
            using var python = Process.Start(new ProcessStartInfo(File.Exists(OfSystem) ? OfSystem : "python3", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var error = python.StandardError.ReadToEndAsync();
            await python.StandardOutput.ReadToEndAsync();
            await python.WaitForExitAsync();
            if (python.ExitCode != 0)
            {
                TestContext.Current.TestOutputHelper?.WriteLine(await error);
            }

            return python.ExitCode;
        }
        catch (Win32Exception)
        {
            return -1;
        }
    }
}
