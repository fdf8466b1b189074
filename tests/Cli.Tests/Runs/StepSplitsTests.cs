using DistTrain.Cli.Runs;
using DistTrain.Core.Training;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Cli.Tests.Runs;

public sealed class StepSplitsTests
{
    [Fact]
    public void Median_PartsOfSteps_AddUp()
    {
        var splits = new StepSplits(steps: 40);
        for (var i = 0; i < 40; i++)
        {
            splits.Add(new StepSplit(1 + (i % 7), i % 3, i % 5, i % 2, 1, 2), samples: 10);
        }

        var times = StepTimes.Of(splits)!;
        Assert.Equal(times.StepMicroseconds, times.Parts.Sum(part => part.Microseconds), 3);
        Assert.Equal(["compute", "serialise", "transfer", "wait", "reduce", "update"], times.Parts.Select(part => part.Name));
    }

    /// <summary>Steps of 1, 2 … 50 s after a warm-up of 50 slow ones: the middle fifth are those of 21 to 30 s.</summary>
    [Fact]
    public void Median_WarmUpAndOutliers_AreLeftOut()
    {
        var splits = new StepSplits(steps: 100);
        for (var i = 0; i < 50; i++)
        {
            splits.Add(new StepSplit(1e6, 0, 0, 0, 0, 0), samples: 10);
        }

        Assert.Null(splits.Median());
        for (var i = 0; i < 50; i++)
        {
            // In no order that anything could rely on.
            splits.Add(new StepSplit(1 + (i * 7 % 50), 0, 0, 0, 0, 0), samples: 10);
        }

        Assert.Equal(25.5, splits.Median()!.Value.Total, 9);
        Assert.Equal(500 / 1275d, splits.SamplesPerSecond!.Value, 9);
        Assert.Equal(50, splits.Count);
    }

    [Fact]
    public void Median_LongRun_IsOfItsLastSteps()
    {
        var splits = new StepSplits(steps: 10_000);
        for (var i = 0; i < 10_000; i++)
        {
            splits.Add(new StepSplit(i < 8_000 ? 9 : 1, 0, 0, 0, 0, 0), samples: 1);
        }

        Assert.Equal(1, splits.Median()!.Value.Total, 9);
        Assert.Equal(9_950, splits.Count);
    }

    [Fact]
    public void Median_SingleStep_IsThatStep()
    {
        var splits = new StepSplits(steps: 1);
        splits.Add(new StepSplit(1, 2, 3, 4, 5, 6), samples: 7);

        Assert.Equal(new StepSplit(1, 2, 3, 4, 5, 6), splits.Median());
    }

    [Fact]
    public void LocalStepClock_Marks_SplitTheTimeBetweenTwoSteps()
    {
        var time = new FakeTimeProvider();
        var clock = new LocalStepClock(time);
        time.Advance(TimeSpan.FromSeconds(100));
        clock.Restart();

        Assert.Equal(new StepSplit(10, 0, 0, 0, 2, 4), Step(clock, time, before: 1));
        // What lies between two steps, such as reporting the first, belongs to the second's update.
        Assert.Equal(new StepSplit(10, 0, 0, 0, 2, 8), Step(clock, time, before: 5));
    }

    private static StepSplit? Step(LocalStepClock clock, FakeTimeProvider time, int before)
    {
        time.Advance(TimeSpan.FromSeconds(before));
        Assert.Null(clock.Reached(StepMark.Began));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(clock.Reached(StepMark.Computed));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(clock.Reached(StepMark.Reduced));
        time.Advance(TimeSpan.FromSeconds(3));
        return clock.Reached(StepMark.Updated);
    }
}
