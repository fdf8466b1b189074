namespace DistTrain.Worker.Tests;

public sealed class BackoffTests
{
    [Fact]
    public void Next_WithoutChance_DoublesToTwoSeconds()
    {
        var backoff = new Backoff(() => 0);

        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 2, 2], Enumerable.Range(0, 7).Select(_ => backoff.Next().TotalSeconds));
        backoff.Reset();
        Assert.Equal(0.1, backoff.Next().TotalSeconds);
    }

    [Fact]
    public void Next_WithChance_IsShortenedByLessThanHalf()
    {
        var backoff = new Backoff(() => 0.999);

        Assert.InRange(backoff.Next().TotalSeconds, 0.05, 0.051);
        Assert.InRange(backoff.Next().TotalSeconds, 0.1, 0.102);
    }
}
