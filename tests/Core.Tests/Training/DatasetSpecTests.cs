using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class DatasetSpecTests
{
    /// <summary>What was written before there were shapes is written the same.</summary>
    [Fact]
    public void Of_SquareGreyImagesAndPlainRows_SayNoShape()
    {
        Assert.Equal(
            """{"name":"synthetic","digest":"d","trainCount":3,"testCount":1,"sampleSize":784,"classCount":10}""",
            SpecJson.Write(DatasetSpec.Of(SyntheticDigits.Create(3, 1)) with { Digest = "d" }, indented: false));
        Assert.Null(Of(1, 1, 30).Shape);
        Assert.Equal([1, 1, 30], Of(1, 1, 30).SampleShape());
        Assert.Equal([1, 28, 28], Of(1, 28, 28).SampleShape());
    }

    [Theory]
    [InlineData(3, 32, 32)]
    [InlineData(1, 2, 3)]
    [InlineData(1, 1, 9)]
    public void Of_AnyOtherShape_IsSaid(int channels, int height, int width)
    {
        var spec = Of(channels, height, width);
        Assert.Equal([channels, height, width], spec.Shape);
        var read = SpecJson.Read<DatasetSpec>(SpecJson.Write(spec), "test");
        Assert.Equal(spec, read);
        Assert.Equal(spec.GetHashCode(), read.GetHashCode());
        Assert.NotEqual(spec, spec with { Shape = [width, height, channels + 1] });
        Assert.NotEqual(spec, spec with { Shape = null });
        Assert.NotEqual(spec with { Shape = null }, spec);
    }

    [Fact]
    public void Of_Numbers_SaysSo()
    {
        var samples = LabeledImages.FromValues([1, 2, 3], [0], 1, 3, 1, 2);
        var spec = DatasetSpec.Of(new Dataset("x", samples, samples));
        Assert.Contains("\"elements\": \"binary32\"", SpecJson.Write(spec));
        Assert.Equal(ElementKind.Binary32, SpecJson.Read<DatasetSpec>(SpecJson.Write(spec), "test").Elements);
        Assert.Equal(4, spec.ElementBytes());
    }

    [Fact]
    public void RequireFit_OtherShape_NamesBoth()
    {
        Refuses(Of(3, 32, 32), [1, 28, 28], "Model m takes samples of shape (1, 28, 28), but x has (3, 32, 32): 784 and 3072 elements.");
        Refuses(Of(1, 28, 28), [3, 32, 32], "Model m takes samples of shape (3, 32, 32), but x has (1, 28, 28): 3072 and 784 elements.");
        Refuses(Of(1, 48, 64), [3, 32, 32], "Model m takes samples of shape (3, 32, 32), but x has (1, 48, 64).");
        Of(1, 48, 64).RequireFit("m", new Shape(1, 48, 64));
        // A flat model takes any shape; a dataset that says none fits by its size.
        Of(1, 48, 64).RequireFit("m", new Shape(3072));
        Of(1, 1, 30).RequireFit("m", new Shape(1, 5, 6));

        static void Refuses(DatasetSpec spec, int[] input, string expected) =>
            Assert.Equal(expected, Assert.Throws<InvalidInputException>(() => spec.RequireFit("m", new Shape(input))).Message);
    }

    [Theory]
    [InlineData(new[] { 2, 3 })]
    [InlineData(new[] { 1, 2, 4 })]
    [InlineData(new[] { -1, -2, 3 })]
    [InlineData(new[] { int.MaxValue, int.MaxValue, int.MaxValue })]
    public void Validate_ShapeOfAnotherSize_IsRefused(int[] shape) => Assert.Contains(
        "must be (channels, height, width) with 6 elements", Assert.Throws<InvalidInputException>(() => (Of(1, 2, 3) with { Shape = shape }).Validate()).Message);

    [Fact]
    public void Validate_UnknownElements_AreRefused() =>
        Assert.Throws<InvalidInputException>(() => (Of(1, 2, 3) with { Elements = (ElementKind)7 }).Validate());

    private static DatasetSpec Of(int channels, int height, int width)
    {
        var images = new LabeledImages(new byte[channels * height * width], [0], height, width, channels, 2);
        return DatasetSpec.Of(new Dataset("x", images, images));
    }
}
