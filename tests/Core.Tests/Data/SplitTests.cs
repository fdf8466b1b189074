using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Data;

public sealed class SplitTests
{
    private const int Count = 100;

    /// <summary>One pixel each, its number; label its number mod 10.</summary>
    private static readonly Dataset Numbers = new(
        "numbers",
        new LabeledImages([.. Enumerable.Range(0, Count).Select(i => (byte)i)], [.. Enumerable.Range(0, Count).Select(i => (byte)(i % 10))], 1, 1, 1, 10),
        new LabeledImages([200, 201], [0, 1], 1, 1, 1, 10));

    [Fact]
    public void Split_TrainingSet_IsEachSampleOnceInItsOrder()
    {
        var split = Numbers.Split(0.3, seed: 7);

        Assert.Equal((70, 30), (split.Train.Count, split.Test.Count));
        Assert.Equal(split.Train.Pixels.Order(), split.Train.Pixels);
        Assert.Equal(split.Test.Pixels.Order(), split.Test.Pixels);
        Assert.Equal(Numbers.Train.Pixels, split.Train.Pixels.Concat(split.Test.Pixels).Order());
        Assert.All((LabeledImages[])[split.Train, split.Test], part => Assert.Equal(part.Pixels.Select(pixel => (byte)(pixel % 10)), part.Labels));
    }

    [Fact]
    public void Split_HeldOut_AreTheFirstPlacesOfItsOwnPermutation()
    {
        var order = new int[Count];
        Sampler.Permutation(new RandomStream(7, RandomPurpose.Holdout), order);

        Assert.Equal(order[..30].Order(), Numbers.Split(0.3, seed: 7).Test.Pixels.Select(pixel => (int)pixel));
        Assert.NotEqual(Sampler.Permutation(7, 0, Count), order);
    }

    /// <summary>The split belongs to a run's data: it never changes.</summary>
    [Fact]
    public void Split_Digest_IsPinned()
    {
        Assert.Equal("e9025db54bb98230842d7767b4955adfd1fcbfd8a8692fe13e6341f6c324df12", Numbers.Split(0.3, seed: 7).Digest);
        Assert.NotEqual(Numbers.Split(0.3, seed: 7).Digest, Numbers.Split(0.3, seed: 8).Digest);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    [InlineData(0.004)]
    [InlineData(0.996)]
    public void Split_OnePartEmpty_IsRefused(double fraction) => Assert.Throws<InvalidInputException>(() => Numbers.Split(fraction, seed: 1));
}
