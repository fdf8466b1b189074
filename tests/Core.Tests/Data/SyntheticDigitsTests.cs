using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class SyntheticDigitsTests
{
    // The digest of 1,000 + 200 images: the dataset is part of golden hashes and comparisons, so it never changes.
    [Fact]
    public void Create_SmallSize_HasThePinnedDigest() =>
        Assert.Equal(
            "c945e7ba8a5ed175e8cfa9550251cacfe7067120e254f5818f8d2efd66cf8569",
            SyntheticDigits.Create(1_000, 200).Digest);

    [Fact]
    public void Create_SmallerCount_GivesThePrefixOfALarger()
    {
        var (large, small) = (SyntheticDigits.Create(50, 20), SyntheticDigits.Create(10, 5));
        Assert.Equal(large.Train.Pixels[..small.Train.Pixels.Length], small.Train.Pixels);
        Assert.Equal(large.Test.Labels[..5], small.Test.Labels);
        Assert.NotEqual(large.Train.Pixels[..small.Test.Pixels.Length], small.Test.Pixels);
    }

    [Fact]
    public void Create_ManyImages_AreBalancedDistinctAndInsideTheFrame()
    {
        var images = SyntheticDigits.Create(5_000, 1).Train;
        // Binomial(5000, 0.1): the standard deviation is 21.
        Assert.All(images.Labels.CountBy(label => label), pair => Assert.InRange(pair.Value, 400, 600));
        var drawings = new HashSet<string>();
        for (var i = 0; i < images.Count; i++)
        {
            var image = images.Image(i);
            Assert.True(drawings.Add(Convert.ToHexString(image)), $"image {i} is a copy of another");
            Assert.InRange(image.ToArray().Count(pixel => pixel > 100), 10, 400);
        }
    }

    [Fact]
    public void Create_EachDigit_IsRecognisedByItsNearestNeighbour()
    {
        var digits = SyntheticDigits.Create(2_000, 200);
        var right = Enumerable.Range(0, digits.Test.Count).Count(i =>
        {
            var nearest = Enumerable.Range(0, digits.Train.Count).MinBy(j => SquaredDistance(digits.Test.Image(i), digits.Train.Image(j)));
            return digits.Train.Labels[nearest] == digits.Test.Labels[i];
        });
        Assert.InRange(right, 130, 190);
    }

    private static int SquaredDistance(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        var sum = 0;
        for (var i = 0; i < a.Length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
        return sum;
    }
}
