using DistTrain.Cli.Comparison;

namespace DistTrain.Cli.Tests.Comparison;

public sealed class ContrastTests
{
    [Theory]
    [InlineData(new[] { 150d, 151, 149 }, new[] { 100d, 101, 99 }, Outcome.Faster)]
    [InlineData(new[] { 100d, 101, 99 }, new[] { 150d, 151, 149 }, Outcome.Slower)]
    [InlineData(new[] { 101d, 101, 101 }, new[] { 100d, 100, 100 }, Outcome.NoDifference)]
    [InlineData(new[] { 120d, 80, 110 }, new[] { 100d, 125, 90 }, Outcome.NoDifference)]
    public void Outcome_DifferenceAgainstSpread_CountsOnlyBeyondIt(double[] rates, double[] others, Outcome expected) =>
        Assert.Equal(expected, Contrast.Of(rates, others).Outcome);

    /// <summary>One run that the machine disturbed must not hide that the others are nearly twice as fast.</summary>
    [Fact]
    public void Outcome_OneOfThreeWasDisturbed_StillTells() => Assert.Equal(Outcome.Faster, Contrast.Of([180, 130, 182], [100, 99, 101]).Outcome);

    [Fact]
    public void Outcome_OneRunEach_NeedsATenth()
    {
        Assert.Equal(Outcome.NoDifference, Contrast.Of([108], [100]).Outcome);
        Assert.Equal(Outcome.Faster, Contrast.Of([115], [100]).Outcome);
    }

    [Fact]
    public void Outcome_TheOtherWayRound_IsTheOpposite()
    {
        Assert.Equal(Outcome.NoDifference, new Contrast(1.049, 0.05).Outcome);
        Assert.Equal(Outcome.NoDifference, new Contrast(1 / 1.049, 0.05).Outcome);
        Assert.Equal(Outcome.Slower, new Contrast(1 / 1.051, 0.05).Outcome);
    }

    [Fact]
    public void Median_EvenAndOdd_IsTheMiddle() => Assert.Equal((2, 2.5), (Contrast.Median([3, 1, 2]), Contrast.Median([4, 1, 3, 2])));
}
