namespace DistTrain.Cli.Tests.Verbs;

public sealed class EvaluateVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Evaluate_AFinishedRun_GivesItsNumbers()
    {
        Assert.Equal(0, await _command.TrainAsync("--threads", "2"));
        var completed = _command.Last;

        Assert.Equal(0, await _command.RunAsync("evaluate", "run", "--json"));

        Assert.All(
            ["testLoss", "testAccuracy", "parametersSha256", "model", "dataset"],
            name => Assert.Equal(completed.GetProperty(name).ToString(), _command.Last.GetProperty(name).ToString()));
        Assert.Equal("evaluated", _command.Last.GetProperty("event").GetString());
    }

    [Fact]
    public async Task Evaluate_ForPeople_SaysAccuracyAndLoss()
    {
        Assert.Equal(0, await _command.TrainAsync());
        Assert.Equal(0, await _command.RunAsync("evaluate", "run"));

        Assert.Contains("test accuracy", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_ParametersOfAnotherModel_NamesTheTensors()
    {
        Assert.Equal(0, await _command.TrainAsync());
        Assert.Equal(0, await _command.RunAsync("train", "--steps", "1", "--model", "multi-layer", "--hidden", "5,5", "--out", "other"));
        File.Copy(_command.File("other/parameters.safetensors"), _command.File("run/parameters.safetensors"), overwrite: true);

        Assert.Equal(2, await _command.RunAsync("evaluate", "run"));

        Assert.Contains("4.weight", _command.Error, StringComparison.Ordinal);
        Assert.Contains("parameters.safetensors", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run.json")]
    [InlineData("parameters.safetensors")]
    public async Task Evaluate_FileMissing_NamesIt(string name)
    {
        Assert.Equal(0, await _command.TrainAsync());
        File.Delete(_command.File("run/" + name));

        Assert.Equal(2, await _command.RunAsync("evaluate", "run"));

        Assert.Contains(name, _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_ParametersCutOff_SaysSo()
    {
        Assert.Equal(0, await _command.TrainAsync());
        using (var file = File.OpenWrite(_command.File("run/parameters.safetensors")))
        {
            file.SetLength(file.Length - 4);
        }

        Assert.Equal(2, await _command.RunAsync("evaluate", "run"));
    }
}
