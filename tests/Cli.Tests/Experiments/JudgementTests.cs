using DistTrain.Cli.Experiments;
using DistTrain.Core.Optimizers;
using Ending = DistTrain.Cli.Experiments.OverfittingExperiment.Ending;
using Spread = DistTrain.Cli.Experiments.ActivationHistogramsExperiment.Spread;

namespace DistTrain.Cli.Tests.Experiments;

/// <summary>Each judgement says yes to numbers that show the effect, and no to numbers that do not.</summary>
public sealed class JudgementTests
{
    [Theory]
    [InlineData(new[] { 30, 4, 0, 2 }, new[] { 2.0, 1, 1, 1 }, true)]
    [InlineData(new[] { 4, 4, 0, 2 }, new[] { 2.0, 1, 1, 1 }, false)]
    [InlineData(new[] { 30, 4, 0, 2 }, new[] { 0.9, 1, 0.5, 0.5 }, false)]
    public void Optimizers_OthersCrossLessAndLearnMore_IsSeen(int[] crossings, double[] losses, bool isSeen) =>
        Assert.Equal(isSeen, OptimizersExperiment.Judge(crossings, losses).IsSeen);

    [Theory]
    [InlineData(2.30, 0.5, 0.4, 0.9, 0.7, true)]
    [InlineData(1.50, 0.5, 0.4, 0.9, 0.7, false)]
    [InlineData(2.30, 2.3, 0.4, 2.3, 0.7, false)]
    [InlineData(2.30, 0.5, 0.4, 0.7, 0.9, false)]
    public void WeightInit_OnlySmallWeightsFailAndHeIsFirst_IsSeen(double small, double xavier, double he, double xavierMean, double heMean, bool isSeen) =>
        Assert.Equal(isSeen, WeightInitExperiment.Judge([small, xavier, he], [2.3, xavierMean, heMean]).IsSeen);

    [Theory]
    [InlineData(1.0, 0.01, 0.8, true)]
    [InlineData(0.1, 0.01, 0.8, false)]
    [InlineData(1.0, 0.30, 0.8, false)]
    [InlineData(1.0, 0.01, 0.1, false)]
    public void ActivationHistograms_BoundsCollapseAndHe_IsSeen(double atBounds, double small, double lasting, bool isSeen)
    {
        var spreads = new List<Spread>();
        foreach (var activation in (string[])["sigmoid", "tanh", "relu"])
        {
            spreads.AddRange(((int[])[1, 5]).SelectMany(layer => (Spread[])
            [
                new(activation, "std 1", layer, 1, 1, atBounds),
                new(activation, "std 0.01", layer, 1, small, 0),
                new(activation, "Xavier", layer, layer == 1 ? 1 : 0.2, 0.3, 0),
                new(activation, "He", layer, layer == 1 ? 1 : lasting, 0.3, 0),
            ]));
        }

        Assert.Equal(isSeen, ActivationHistogramsExperiment.Judge(spreads).IsSeen);
    }

    [Fact]
    public void BatchNorm_MoreScalesLearn_IsSeen()
    {
        Assert.True(BatchNormExperiment.Judge([0.9, 0.6], [0.9, 0.1]).IsSeen);
        Assert.False(BatchNormExperiment.Judge([0.9, 0.4], [0.9, 0.1]).IsSeen);
    }

    [Fact]
    public void Overfitting_GapAndItsRemedies_AreSeen()
    {
        Assert.True(OverfitExperiment.Judge(new Ending(1, 0.7)).IsSeen);
        Assert.False(OverfitExperiment.Judge(new Ending(1, 0.95)).IsSeen);
        Assert.False(OverfitExperiment.Judge(new Ending(0.8, 0.5)).IsSeen);
        Assert.True(WeightDecayExperiment.Judge(new Ending(1, 0.7), new Ending(0.9, 0.7)).IsSeen);
        Assert.False(DropoutExperiment.Judge(new Ending(1, 0.7), new Ending(1, 0.6)).IsSeen);
    }

    [Fact]
    public void Filters_NeighboursBecomeAlike_IsSeen()
    {
        Assert.True(FiltersExperiment.Judge(-0.04, 0.4).IsSeen);
        Assert.False(FiltersExperiment.Judge(-0.04, 0.0).IsSeen);
        Assert.True(FiltersExperiment.NeighbourCorrelation([0, 1, 2, 0, 1, 2, 0, 1, 2], 3) > 0.4);
        Assert.Equal(-1, FiltersExperiment.NeighbourCorrelation([1, -1, -1, 1], 2), 12);
        Assert.Equal(0, FiltersExperiment.NeighbourCorrelation([3, 3, 3, 3], 2));
    }

    [Fact]
    public void Misclassified_FewPairsHaveMostErrors_IsSeen()
    {
        var each = Enumerable.Range(0, 10).SelectMany(a => Enumerable.Range(a + 1, 9 - a).Select(b => (a, b))).ToList();

        Assert.False(MisclassifiedExperiment.Judge(each).IsSeen);
        Assert.True(MisclassifiedExperiment.Judge([.. each, .. Enumerable.Repeat((9, 4), 30)]).IsSeen);
    }

    [Fact]
    public void HalfPrecision_SameAccuracy_IsSeen()
    {
        Assert.True(HalfPrecisionExperiment.Judge(0.97, 0.9695, 10_000).IsSeen);
        Assert.False(HalfPrecisionExperiment.Judge(0.97, 0.96, 10_000).IsSeen);
        Assert.True(HalfPrecisionExperiment.Judge(0.97, 0.96, 100).IsSeen);
    }

    [Fact]
    public void BatchSize_SameByUpdateAndBehindByEpoch_IsSeen()
    {
        Assert.True(BatchSizeExperiment.Judge((0.1, 0.3), (0.4, 0.38)).IsSeen);
        Assert.False(BatchSizeExperiment.Judge((0.1, 0.1), (0.4, 0.38)).IsSeen);
        Assert.False(BatchSizeExperiment.Judge((0.1, 0.3), (0.4, 0.8)).IsSeen);
    }

    [Theory]
    [InlineData(1.0f, 3, 1.0f)]
    [InlineData(1.0625f, 3, 1.0f)]
    [InlineData(1.1875f, 3, 1.25f)]
    [InlineData(-1.99f, 3, -2.0f)]
    [InlineData(0.3f, 1, 0.25f)]
    public void Round_FractionBits_NearestAndTiesToEven(float value, int bits, float expected) => Assert.Equal(expected, HalfPrecisionExperiment.Round(value, bits));

    [Fact]
    public void Round_TenBits_IsHalfWhereHalfIsNormal() =>
        Assert.All((float[])[0.1f, 3.14159f, -123.456f, 0.00123f, 1024.5f], value => Assert.Equal((float)(Half)value, HalfPrecisionExperiment.Round(value, 10)));

    [Fact]
    public void Walk_Sgd_FollowsTheGradient()
    {
        var path = OptimizersExperiment.Walk(new OptimizerSpec("sgd", 0.5), 1);

        Assert.Equal([(-7, 2), (-6.65, 0)], path.Select(point => (Math.Round(point.X, 5), Math.Round(point.Y, 5))));
    }

    [Fact]
    public void Table_CsvAndText_QuoteAndAlign()
    {
        var table = new Table(["name", "x"], [["a, \"b\"", "1"], ["c", "22"]]);

        Assert.Equal("name,x\n\"a, \"\"b\"\"\",1\nc,22\n", table.ToCsv());
        Assert.Equal(["name     x", "a, \"b\"   1", "c       22"], table.ToText().Split(Environment.NewLine));
    }
}
