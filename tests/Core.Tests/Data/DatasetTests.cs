using System.Security.Cryptography;
using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class DatasetTests
{
    [Fact]
    public void Digest_SmallDataset_CoversTheDocumentedBytes()
    {
        var dataset = new Dataset("any", new([1, 2, 3, 4], [0, 2], 1, 2, 1, 3), new([5, 6], [1], 1, 2, 1, 3));
        byte[] expected =
        [
            2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4, 0, 2,
            1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5, 6, 1,
        ];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(expected)), dataset.Digest);
    }

    [Fact]
    public void Constructor_PartsOfDifferentShapeOrEmpty_Throws()
    {
        var small = new LabeledImages([1, 2], [0], 1, 2, 1, 3);
        Assert.Throws<ArgumentException>(() => new Dataset("any", small, new([1, 2], [0], 2, 1, 1, 3)));
        Assert.Throws<ArgumentException>(() => new Dataset("any", small, new([], [], 1, 2, 1, 3)));
    }

    [Fact]
    public void LabeledImages_SizesOrLabelsThatDoNotFit_Throws()
    {
        Assert.Throws<ArgumentException>(() => new LabeledImages([1, 2, 3], [0], 1, 2, 1, 3));
        Assert.Throws<ArgumentException>(() => new LabeledImages([1, 2], [3], 1, 2, 1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LabeledImages([], [], 0, 2, 1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LabeledImages([], [], 1, 2, 1, 257));
        Assert.Equal([3, 4], new LabeledImages([1, 2, 3, 4], [0, 255], 1, 2, 1, 256).Image(1).ToArray());
    }

    [Fact]
    public void Find_UnknownName_ListsTheKnownOnes()
    {
        Assert.Same(DatasetCatalog.Synthetic, DatasetCatalog.Find("synthetic"));
        var error = Assert.Throws<InvalidInputException>(() => DatasetCatalog.Find("mnits"));
        Assert.Equal("There is no dataset 'mnits'. Use --dataset with one of: mnist, synthetic.", error.Message);
    }
}
