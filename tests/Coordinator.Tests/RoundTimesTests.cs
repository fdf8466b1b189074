using DistTrain.Core.Training;

namespace DistTrain.Coordinator.Tests;

public sealed class RoundTimesTests
{
    /// <summary>An hour's pause, or wait for workers, must not let a straggler have its lease for an hour.</summary>
    [Fact]
    public void LateAfter_AfterAPauseBetweenTwoRounds_FollowsTheLeasesAlone()
    {
        var times = new RoundTimes(TimeSpan.FromSeconds(2));
        times.Begin(TimeSpan.Zero, RoundKind.Training);
        times.Delivered(RoundKind.Training, TimeSpan.FromSeconds(10));
        times.Begin(TimeSpan.FromHours(1), RoundKind.Training);

        // A fifth of the one lease known, four times over.
        Assert.Equal(TimeSpan.FromSeconds(8), times.LateAfter);
        Assert.Equal(TimeSpan.FromHours(1), times.Since);
    }

    /// <summary>Row P6b: one worker never delivers, so every round lasts until its lease is late and another's answer comes.</summary>
    [Fact]
    public void LateAfter_OneNeverDelivers_StaysWhatTheOthersTake()
    {
        var times = new RoundTimes(TimeSpan.FromMilliseconds(50));
        var now = TimeSpan.Zero;
        for (var round = 0; round < 100; round++)
        {
            times.Begin(now, RoundKind.Training);
            now += times.LateAfter;
            times.Delivered(RoundKind.Training, TimeSpan.FromMilliseconds(20));
            now += TimeSpan.FromMilliseconds(20);
        }

        Assert.InRange(times.LateAfter.TotalMilliseconds, 79, 80);
    }

    [Fact]
    public void LateAfter_KindsOfRounds_AreMeasuredApart()
    {
        var times = new RoundTimes(TimeSpan.FromMilliseconds(50));
        times.Begin(TimeSpan.Zero, RoundKind.Training);
        times.Delivered(RoundKind.Evaluation, TimeSpan.FromHours(1));
        Assert.Equal(TimeSpan.FromMilliseconds(50), times.LateAfter);
    }
}
