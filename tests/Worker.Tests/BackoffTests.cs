namespace DistTrain.Worker.Tests;

public sealed class BackoffTests
{
    [Fact]
    public void Next_WithoutChance_GrowsByAHalfToTwoSeconds()
    {
        var backoff = new Backoff(() => 0);

        Assert.Equal([100, 150, 225, 337, 506, 759, 1139, 1708, 2000, 2000], Enumerable.Range(0, 10).Select(_ => (int)backoff.Next().TotalMilliseconds));
        backoff.Reset();
        Assert.Equal(0.1, backoff.Next().TotalSeconds);
    }

    [Fact]
    public void Next_WithChance_IsShortenedByLessThanHalf()
    {
        var backoff = new Backoff(() => 0.999);

        Assert.InRange(backoff.Next().TotalSeconds, 0.05, 0.051);
        Assert.InRange(backoff.Next().TotalSeconds, 0.075, 0.0765);
    }
}
