namespace DistTrain.Coordinator.Tests;

public sealed class SlowestRulesTests
{
    [Theory]
    [InlineData(1.9, null)]
    [InlineData(2.1, 3)]
    public void Find_OneTwiceAsSlowAsTheMedian_IsNamed(double own, int? expected) =>
        Assert.Equal(expected, Find(null, 1, 0.5, 1, own)?.Worker);

    [Fact]
    public void Find_Named_SaysHowSlowAgainstTheMedianOfTheOthers()
    {
        Assert.Equal(new SlowWorker(1, 6), Find(null, 1, 6));
        Assert.Equal(new SlowWorker(2, 4), Find(null, 1, 2, 6));
        Assert.Equal(new SlowWorker(3, 4.5), Find(null, 6, 1, 2, 9));
        Assert.Null(Find(null, 1));
    }

    /// <summary>The shares have followed the speeds: all take the same time.</summary>
    [Fact]
    public void Find_SlowPerShardWithASmallShare_IsNamed() =>
        Assert.Equal(new SlowWorker(1, 10), SlowestRules.Find([new(0, 1, 1, 20), new(1, 1, 10, 20), new(2, 1, 1, 20)], null));

    [Fact]
    public void Find_TooFewRounds_AreNeitherSlowNorAMeasure()
    {
        Assert.Null(SlowestRules.Find([new(0, 1, 1, 20), new(1, 9, 1, 19), new(2, 1, 1, 20)], null));
        Assert.Null(SlowestRules.Find([new(0, 1, 1, 19), new(1, 9, 1, 20)], null));
        Assert.Null(SlowestRules.Find([], 1));
    }

    [Fact]
    public void Find_NamedBefore_StaysSoUntilItIsMuchFaster()
    {
        Assert.Equal(1, Find(1, 1, 1.6, 1)?.Worker);
        Assert.Null(Find(1, 1, 1.4, 1));
        Assert.Null(Find(0, 1, 1.6, 1));
    }

    [Fact]
    public void Find_TwoAlikeSlow_TheNameDoesNotMove()
    {
        Assert.Equal(4, Find(4, 1, 1, 1, 3.3, 3)?.Worker);
        Assert.Equal(3, Find(3, 1, 1, 1, 3, 3.3)?.Worker);
        Assert.Equal(4, Find(3, 1, 1, 1, 3, 4)?.Worker);
    }

    [Fact]
    public void Find_NamedOneIsGone_AnotherMayBe() => Assert.Equal(1, Find(17, 1, 3, 1)?.Worker);

    private static SlowWorker? Find(int? named, params double[] own) =>
        SlowestRules.Find(own.Select((seconds, worker) => new WorkerPace(worker, seconds, 1, 20)), named);
}
