using DistTrain.Cli.Comparison;
using static DistTrain.Cli.Tests.Comparison.Measured;

namespace DistTrain.Cli.Tests.Comparison;

/// <remarks>Broken on purpose, and it failed: a crossing beyond what was measured counts as found; the ladder goes the wrong way.</remarks>
public sealed class BreakEvenTests
{
    [Fact]
    public void Through_TwoPoints_IsFixedAndPerSample() => Assert.Equal(new StepLine(40, 3), StepLine.Through((20, 100), (100, 340)));

    [Fact]
    public void Through_OneBatchSize_IsRefused() => Assert.Throws<ArgumentException>(() => StepLine.Through((20, 100), (20, 340)));

    /// <summary>50 + 2·B against 350 + 1·B: they cross at 300.</summary>
    [Fact]
    public void Find_LinesCrossBetweenTwoSizes_IsThere()
    {
        var found = Found((OneThread, 50, 2), (TwoWorkers, 350, 1), 100, 400, 25);

        Assert.Equal((300, false, null, 25, 400), (found.BatchSize, found.PaysEverywhere, found.Unproven, found.Smallest, found.Largest));
        Assert.Equal(2, found.BaselineLine!.PerSampleMicroseconds, 9);
        Assert.Equal(350, found.ContenderLine!.FixedMicroseconds, 6);
    }

    [Fact]
    public void Find_LinesCrossBeyond_IsNotFoundButSaid()
    {
        var found = Found((OneThread, 50, 2), (TwoWorkers, 1050, 1), 100, 400);

        Assert.Equal((null, 1000), (found.BatchSize, found.Unproven));
    }

    /// <summary>The medians cross, but the runs with 400 lie too far apart.</summary>
    [Fact]
    public void Find_MediansCrossWithinTheNoise_IsNotFoundButSaid()
    {
        var found = BreakEven.Find(TwoWorkers, OneThread, [Sitting(100, (OneThread, [100, 100]), (TwoWorkers, [50, 50])), Sitting(400, (OneThread, [100, 100]), (TwoWorkers, [60, 190]))]);

        Assert.Null(found!.BatchSize);
        Assert.InRange(found.Unproven!.Value, 100, 400);
    }

    [Theory]
    [InlineData(350, 2)]
    [InlineData(350, 2.5)]
    [InlineData(350, 1.999)]
    public void Find_NoSampleIsSaved_IsNowhere(double fixedCost, double perSample)
    {
        var found = Found((OneThread, 50, 2), (TwoWorkers, fixedCost, perSample), 100, 400);

        Assert.Equal((null, null, false), (found.BatchSize, found.Unproven, found.PaysEverywhere));
    }

    [Fact]
    public void Find_FasterEverywhere_SaysSo()
    {
        var found = Found((OneThread, 50, 2), (TwoWorkers, 30, 1), 400, 100);

        Assert.Equal((true, null), (found.PaysEverywhere, found.BatchSize));
    }

    /// <summary>At 100 the medians say 1 % faster, within the noise; at 400 twice as fast. The lines cross below 100, where nothing was measured.</summary>
    [Fact]
    public void Find_NoDifferenceBelow_IsNotBelowWhatWasMeasured()
    {
        var found = BreakEven.Find(TwoWorkers, OneThread, [Sitting(100, (OneThread, [100, 100]), (TwoWorkers, [101, 101])), Sitting(400, (OneThread, [100, 100]), (TwoWorkers, [200, 200]))]);

        Assert.Equal(100, found!.BatchSize);
    }

    [Fact]
    public void Find_FasterAtSmallBatchesOnly_IsNoBreakEven()
    {
        var found = BreakEven.Find(TwoWorkers, OneThread, [Sitting(100, (OneThread, [100, 100]), (TwoWorkers, [200, 200])), Sitting(400, (OneThread, [100, 100]), (TwoWorkers, [90, 90]))]);

        Assert.Equal((null, null, false), (found!.BatchSize, found.Unproven, found.PaysEverywhere));
    }

    [Fact]
    public void Find_OneSize_IsUnknown() => Assert.Null(BreakEven.Find(TwoWorkers, OneThread, [OnLines(100, (OneThread, 50, 2), (TwoWorkers, 350, 1))]));

    [Theory]
    [InlineData(350, new[] { 100, 400 })]
    [InlineData(2000, new[] { 100, 400, 1600 })]
    [InlineData(10, new[] { 100, 25, 6 })]
    [InlineData(90, new[] { 100, 25 })]
    public void Next_UntilTheBreakEvenLiesBetween_GoesItsWay(double fixedCost, int[] expected) => Assert.Equal(expected, Climb(fixedCost, _ => true));

    [Fact]
    public void Next_TheTrainingSetEnds_StopsThere()
    {
        Assert.Equal([100], Climb(350, size => size is < 400 and > 25));
        Assert.Equal([100, 25], Climb(350, size => size < 400));
        Assert.Equal([100, 400], Climb(10, size => size >= 100));
    }

    [Theory]
    [InlineData(1e6, 100, 5000)]
    [InlineData(24_000d, 512, 28)]
    [InlineData(2_000d, 1000, 6)]
    [InlineData(null, 100, 5000)]
    public void RunLength_OfASpeed_IsShortButNotTooShort(double? rate, int batch, int expected) => Assert.Equal(expected, RunLength.Steps(rate, batch));

    [Fact]
    public void IsShort_SixSteps_WithinFourSeconds()
    {
        Assert.True(RunLength.IsShort(1500, 1000));
        Assert.False(RunLength.IsShort(1499, 1000));
        Assert.False(RunLength.IsShort(null, 1000));
    }

    private static List<int> Climb(double fixedCost, Func<int, bool> isAllowed)
    {
        var measured = new List<Sitting> { At(100) };
        while (BatchLadder.Next(measured, TwoWorkers, OneThread, isAllowed) is { } next)
        {
            measured.Add(At(next));
        }

        return measured.ConvertAll(sitting => sitting.BatchSize);

        Sitting At(int size) => OnLines(size, (OneThread, 50, 2), (TwoWorkers, fixedCost, 1));
    }

    private static BreakEven Found((Contender, double, double) baseline, (Contender, double, double) workers, params int[] sizes) =>
        BreakEven.Find(TwoWorkers, OneThread, sizes.Select(size => OnLines(size, baseline, workers)))!;
}
