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
    public void Digest_NumbersForElements_CoversTheirKindAndTheirBytes()
    {
        var dataset = new Dataset("any", LabeledImages.FromValues([1, -2], [2], 1, 2, 1, 3), LabeledImages.FromValues([0.5f, 0], [1], 1, 2, 1, 3));
        byte[] expected =
        [
            0xe0, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 2,
            0xe0, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x3f, 0, 0, 0, 0, 1,
        ];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(expected)), dataset.Digest);
    }

    [Fact]
    public void LabeledImages_TheOtherKindOfElements_IsNotGiven()
    {
        var numbers = LabeledImages.FromValues([1, -2], [2], 1, 2, 1, 3);
        var pixels = new LabeledImages([1, 2], [0], 1, 2, 1, 3);
        Assert.Equal([1, -2], numbers.Values);
        Assert.Throws<InvalidOperationException>(() => numbers.Pixels);
        Assert.Throws<InvalidOperationException>(() => numbers.Image(0).Length);
        Assert.Throws<InvalidOperationException>(() => pixels.Values.Length);
        Assert.Throws<ArgumentException>(() => new Dataset("any", numbers, pixels));
        Assert.Throws<ArgumentException>(() => LabeledImages.FromValues([1], [2], 1, 2, 1, 3));
    }

    [Theory]
    [InlineData("gate-and", 0, 0, 0, 1)]
    [InlineData("gate-nand", 1, 1, 1, 0)]
    [InlineData("gate-or", 0, 1, 1, 1)]
    [InlineData("gate-xor", 0, 1, 1, 0)]
    public void Gate_EachOfThem_IsItsTruthTable(string name, int of00, int of01, int of10, int of11)
    {
        var gate = DatasetCatalog.Find(name).Make!(null, null);
        Assert.Equal((name, 2, 2), (gate.Name, gate.Train.ImageSize, gate.Train.ClassCount));
        Assert.Equal([0, 0, 0, 255, 255, 0, 255, 255], gate.Train.Pixels);
        Assert.Equal([of00, of01, of10, of11], gate.Train.Labels.Select(label => (int)label));
        Assert.Same(gate.Train, gate.Test);
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
        Assert.StartsWith("There is no dataset 'mnits'. Use --dataset with one of: mnist, synthetic, fashion-mnist, kmnist, emnist-balanced, ", error.Message);
        Assert.EndsWith("; or with idx:DIR, csv:FILE, csv:TRAIN,TEST, images:DIR.", error.Message);
    }
}
