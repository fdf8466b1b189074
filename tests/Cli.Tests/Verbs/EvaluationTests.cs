using System.Text.Json;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>When a run evaluates, on what, and what that costs. The training set has 120 samples: three steps of 50 per epoch.</summary>
public sealed class EvaluationTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Theory]
    [InlineData("epoch", "e3 e6")]
    [InlineData("end", "-3 e6")]
    [InlineData("2", "2 -3 4 e6")]
    [InlineData("1", "1 2 e3 4 5 e6")]
    public async Task EvaluateEvery_SaysWhen_MovesNoBit(string every, string expected)
    {
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--epochs", "2", "--batch-size", "50", "--out", "calm"));
        var calm = _command.Last.GetProperty("parametersSha256").GetString();

        Assert.Equal(0, await _command.TrainAsync("--epochs", "2", "--batch-size", "50", "--evaluate-every", every));

        // "e3": the epoch that ends with step 3, evaluated; "-3": the same without an evaluation; "2": an evaluation within an epoch.
        var seen = _command.Lines
            .Where(line => line.GetProperty("event").GetString() is "epoch" or "evaluation")
            .Select(line => (line.GetProperty("event").GetString() == "evaluation" ? "" : line.GetProperty("testLoss").ValueKind == JsonValueKind.Null ? "-" : "e")
                + line.GetProperty("step").GetInt64());
        Assert.Equal(expected, string.Join(' ', seen));
        Assert.Equal(calm, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.NotEqual(JsonValueKind.Null, _command.Last.GetProperty("testAccuracy").ValueKind);
        Assert.InRange(_command.Last.GetProperty("evaluationSeconds").GetDouble(), double.Epsilon, _command.Last.GetProperty("elapsedSeconds").GetDouble());
    }

    [Fact]
    public async Task EvaluateEvery_OtherOnResume_GoesOnInTheSameBits()
    {
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--steps", "7", "--batch-size", "50", "--out", "calm"));
        var calm = _command.Last.GetProperty("parametersSha256").GetString();
        Assert.Equal(0, await _command.TrainAsync("--steps", "4", "--batch-size", "50", "--evaluate-every", "end"));

        Assert.Equal(0, await _command.TrainAsync("--steps", "7", "--resume", "auto", "--evaluate-every", "1"));

        Assert.Equal(calm, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal("1", _command.Spec("evaluateEvery"));
        Assert.Equal(4, _command.Last.GetProperty("resumedFrom").GetInt64());
    }

    [Fact]
    public async Task Holdout_Tests_OnTrainingSamplesAndRepeats()
    {
        Assert.Equal(0, await _command.TrainAsync("--holdout", "0.25", "--seed", "3"));
        var (hash, accuracy) = (_command.Last.GetProperty("parametersSha256").GetString(), _command.Last.GetProperty("testAccuracy").GetDouble());
        var spec = SpecJson.ReadRun(await File.ReadAllTextAsync(_command.File("run/run.json"), TestContext.Current.CancellationToken), "run.json");

        Assert.Equal(30, _command.Lines[0].GetProperty("heldOut").GetInt32());
        Assert.Equal((90, 30, new HoldoutSpec(0.25, 3)), (spec.Dataset.TrainCount, spec.Dataset.TestCount, spec.Dataset.Holdout));

        // Another seed of the run leaves the split as it was.
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--config", "run/run.json", "--out", "again"));
        Assert.Equal(hash, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(0, await _command.RunAsync("evaluate", "run", "--json"));
        Assert.Equal((30, accuracy), (_command.Last.GetProperty("samples").GetInt32(), _command.Last.GetProperty("testAccuracy").GetDouble()));
        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", "2"));
        Assert.Equal(0, await _command.TrainAsync("--steps", "3", "--resume", "auto"));
    }

    [Fact]
    public async Task Holdout_OtherOnResume_IsAnotherRun()
    {
        Assert.Equal(0, await _command.TrainAsync("--holdout", "0.25"));

        Assert.Equal(2, await _command.TrainAsync("--steps", "3", "--resume", "auto", "--holdout", "0.5"));

        Assert.Contains("dataset.holdout.fraction", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--holdout", "0")]
    [InlineData("--holdout", "1")]
    [InlineData("--holdout", "0.001")]
    [InlineData("--holdout", "0.999")]
    [InlineData("--holdout-seed", "1")]
    [InlineData("--evaluate-every", "-1")]
    [InlineData("--evaluate-every", "often")]
    public async Task Evaluation_BadInput_NamesTheOption(string option, string value)
    {
        Assert.Equal(2, await _command.TrainAsync(option, value));

        Assert.Contains(option == "--holdout" && value.Length > 1 ? "hold out" : option, _command.Error, StringComparison.Ordinal);
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.False(Directory.Exists(_command.File("run")));
    }
}
