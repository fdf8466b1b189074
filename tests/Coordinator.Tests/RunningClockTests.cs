using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Coordinator.Tests;

public sealed class RunningClockTests
{
    private static readonly TimeSpan TickLength = TimeSpan.FromSeconds(0.25);

    [Fact]
    public void Tick_OnTime_CountsWhatPassed()
    {
        var time = new FakeTimeProvider();
        var clock = new RunningClock(time, TickLength);
        for (var i = 0; i < 8; i++)
        {
            time.Advance(TickLength);
            clock.Tick();
        }

        Assert.Equal(TimeSpan.FromSeconds(2), clock.Now);
        Assert.Equal(TimeSpan.Zero, clock.Lag);
    }

    /// <summary>Row P11: stopped for a minute.</summary>
    [Fact]
    public void Tick_AfterThisProcessStood_CountsFourTicks()
    {
        var time = new FakeTimeProvider();
        var clock = new RunningClock(time, TickLength);
        time.Advance(TimeSpan.FromMinutes(1));
        clock.Tick();

        Assert.Equal(TickLength * 4, clock.Now);
        Assert.Equal(TimeSpan.FromMinutes(1) - TickLength, clock.Lag);
    }
}
