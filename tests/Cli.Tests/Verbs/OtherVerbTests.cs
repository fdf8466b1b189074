namespace DistTrain.Cli.Tests.Verbs;

public sealed class OtherVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    /// <summary>The command that it prints must show the same again.</summary>
    [Fact]
    public async Task Simulate_WithoutASafeguardAsJson_NamesItInTheReplay()
    {
        Assert.Equal(1, await _command.RunAsync("simulate", "--json", "--seeds", "100", "--mutation", "UnorderedSums"));

        Assert.EndsWith("--mutation UnorderedSums", _command.Last.GetProperty("replay").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GradCheck_OfARightModel_PassesAndCounts()
    {
        Assert.Equal(0, await _command.RunAsync("gradcheck", "--model", "multi-layer", "--hidden", "4", "--activation", "tanh", "--json"));

        Assert.True(_command.Last.GetProperty("passed").GetBoolean());
        Assert.Equal(4, _command.Last.GetProperty("tensors").GetArrayLength());
        Assert.Equal(0, _command.Last.GetProperty("kinks").GetInt32());
    }

    [Fact]
    public async Task GradCheck_ForPeople_SaysPass()
    {
        Assert.Equal(0, await _command.RunAsync("gradcheck", "--model", "multi-layer", "--hidden", "4"));

        Assert.Contains("PASS", _command.Output, StringComparison.Ordinal);
        Assert.Contains("times faster", _command.Output, StringComparison.Ordinal);
    }

    /// <summary>A directory that a variable names for every command holds images that this network does not take.</summary>
    [Fact]
    public async Task GradCheck_OfANetworkOfOtherSamples_TakesNoiseWhateverTheVariableSays()
    {
        _command.Variables["DISTTRAIN_DATA"] = "nowhere";
        Assert.Equal(0, await _command.RunAsync("gradcheck", "--model", "perceptron-xor"));

        Assert.Contains("PASS", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DataList_NothingHere_SaysHowToGetIt()
    {
        Assert.Equal(0, await _command.RunAsync("data", "list", "--data", "nowhere"));

        Assert.Contains("disttrain data fetch --dataset mnist", _command.Output, StringComparison.Ordinal);
        Assert.Contains("built in", _command.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fetch")]
    [InlineData("verify")]
    public async Task Data_BuiltInSet_NeedsNothing(string verb)
    {
        Assert.Equal(0, await _command.RunAsync("data", verb, "--dataset", "synthetic"));

        Assert.Contains("built in", _command.Output, StringComparison.Ordinal);
    }
}
