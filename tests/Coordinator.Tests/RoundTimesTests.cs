using DistTrain.Core.Training;

namespace DistTrain.Coordinator.Tests;

public sealed class RoundTimesTests
{
    /// <summary>An hour's pause, or wait for workers, must not let a straggler have its lease for an hour.</summary>
    [Fact]
    public void LateAfter_AfterAPauseBetweenTwoRounds_FollowsTheRoundsAlone()
    {
        var times = new RoundTimes(TimeSpan.FromSeconds(2));
        times.Begin(TimeSpan.Zero, RoundKind.Training);
        times.End(TimeSpan.FromSeconds(10));
        times.Begin(TimeSpan.FromHours(1), RoundKind.Training);

        // A fifth of the one round known, four times over.
        Assert.Equal(TimeSpan.FromSeconds(8), times.LateAfter);
        Assert.Equal(TimeSpan.FromHours(1), times.Since);
    }
}
