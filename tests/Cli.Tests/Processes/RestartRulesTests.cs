using DistTrain.Cli.Processes;

namespace DistTrain.Cli.Tests.Processes;

/// <remarks>Broken on purpose, and it failed: waits do not double, do not stop at 10 s, are not shortened; nothing resets them; exit code 2 is started again.</remarks>
public sealed class RestartRulesTests
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    [Fact]
    public void Next_EndingAgainAndAgain_DoublesUpToTenSeconds()
    {
        var rules = new RestartRules(() => 0);

        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10], Enumerable.Range(0, 9).Select(_ => Math.Round(rules.Next(Short).TotalSeconds, 6)));
    }

    [Fact]
    public void Next_AfterTenSecondsUp_BeginsAnew()
    {
        var rules = new RestartRules(() => 0);
        rules.Next(Short);
        rules.Next(Short);

        Assert.Equal([0.1, 0.2], new[] { rules.Next(TimeSpan.FromSeconds(10)), rules.Next(Short) }.Select(wait => Math.Round(wait.TotalSeconds, 6)));
    }

    [Fact]
    public void Next_ByChance_IsUpToAHalfShorter() => Assert.Equal(0.05, new RestartRules(() => 1).Next(Short).TotalSeconds, 6);

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(137, false)]
    public void IsFinal_OnlyForWrongUse(int exitCode, bool isFinal) => Assert.Equal(isFinal, RestartRules.IsFinal(exitCode));
}
