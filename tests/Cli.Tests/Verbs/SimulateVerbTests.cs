namespace DistTrain.Cli.Tests.Verbs;

public sealed class SimulateVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Simulate_SomeSeeds_SaysWhatStruckAndThatAllHolds()
    {
        Assert.Equal(0, await _command.RunAsync("simulate", "--seed", "5", "--seeds", "10"));

        Assert.Matches(@"CoordinatorCrash +\d", _command.Output);
        Assert.Contains("All rules hold over 10 seeds.", _command.Output, StringComparison.Ordinal);
    }

    /// <summary>The command that a failure prints breaks the same rule again.</summary>
    [Fact]
    public async Task Simulate_SafeguardLeftOut_NamesTheRuleAndTheCommandThatReplaysIt()
    {
        Assert.Equal(1, await _command.RunAsync("simulate", "--seeds", "300", "--mutation", "NoChecksums"));
        var lines = _command.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches(@"^Seed \d+ breaks a rule: O2", lines[0]);
        Assert.InRange(lines.Length, 10, 40);
        Assert.StartsWith("Again: disttrain simulate --seed ", lines[^1], StringComparison.Ordinal);

        using var again = new CommandRun();
        Assert.Equal(1, await again.RunAsync(lines[^1]["Again: disttrain ".Length..].Split(' ')));
        Assert.Equal(_command.Output, again.Output);
    }

    [Fact]
    public async Task Simulate_Json_EndsWithOneLine()
    {
        Assert.Equal(0, await _command.RunAsync("simulate", "--seed", "3", "--json"));

        Assert.Equal("simulated", Assert.Single(_command.Lines).GetProperty("event").GetString());
        Assert.True(_command.Last.GetProperty("faults").TryGetProperty("PowerCut", out _));
    }
}
