using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Models;

public sealed class ImageSpecsTests
{
    private static readonly Shape Image = new(3, 28, 20);

    [Fact]
    public void OutputShapeAndParameters_AreConv2dsAndMaxPool2ds()
    {
        Assert.Equal(new Shape(30, 24, 16), new ConvolutionSpec(30, 5).OutputShape(Image));
        Assert.Equal(new Shape(16, 28, 20), new ConvolutionSpec(16, 3, Padding: 1).OutputShape(Image));
        Assert.Equal(new Shape(16, 14, 10), new ConvolutionSpec(16, 3, Stride: 2, Padding: 1).OutputShape(Image));
        Assert.Equal(new Shape(4, 1, 1), new ConvolutionSpec(4, 20).OutputShape(new Shape(7, 20, 20)));
        Assert.Equal(new Shape(3, 14, 10), new MaxPoolingSpec(2).OutputShape(Image));
        Assert.Equal(new Shape(3, 9, 6), new MaxPoolingSpec(3).OutputShape(Image));
        Assert.Equal(new Shape(3, 28, 20), new AveragePoolingSpec(3, Stride: 1, Padding: 1).OutputShape(Image));
        Assert.Equal(new Shape(3, 1, 1), new GlobalAveragePoolingSpec().OutputShape(Image));
        Assert.Equal(new Shape(1680), new FlattenSpec().OutputShape(Image));
        Assert.Equal(
            ["weight (30, 3, 5, 5)", "bias (30,)"],
            new ConvolutionSpec(30, 5).Parameters(Image).Select(parameter => $"{parameter.Name} {parameter.Shape}"));
        Assert.Equal(["weight"], new ConvolutionSpec(30, 5, Bias: false).Parameters(Image).Select(parameter => parameter.Name));
        Assert.Equal(30L * 24 * 16 * 3 * 25, new ConvolutionSpec(30, 5).MultiplyAdds(Image));
    }

    [Theory]
    [InlineData(InitializerKind.He, 75, 0)]
    [InlineData(InitializerKind.Xavier, 75, 1000)]
    public void Initialize_Weight_HasTheDeviationOfItsFans(InitializerKind initializer, int fanIn, int fanOut)
    {
        var weight = new float[40 * 75];
        new ConvolutionSpec(40, 5, Initializer: initializer).Initialize(weight, "weight", Image, seed: 1, layer: 0);
        // The deviation of n samples is known to about 1 / √2n ≈ 1.3 %.
        Assert.Equal(Math.Sqrt(2.0 / (fanIn + fanOut)), Math.Sqrt(weight.Average(value => (double)value * value)), 0.05 * Math.Sqrt(2.0 / (fanIn + fanOut)));
        var bias = Enumerable.Repeat(1f, 40).ToArray();
        new ConvolutionSpec(40, 5).Initialize(bias, "bias", Image, seed: 1, layer: 0);
        Assert.All(bias, value => Assert.Equal(0f, value));
    }

    [Fact]
    public void OutputShape_ImpossibleOptions_AreRefusedNamingValueAndShapes()
    {
        Refuses(new ConvolutionSpec(0, 3), "filters is 0");
        Refuses(new ConvolutionSpec(4, 0), "kernel is 0");
        Refuses(new ConvolutionSpec(4, 3, Stride: 0), "stride is 0");
        Refuses(new ConvolutionSpec(4, 3, Padding: -1), "padding is -1");
        Refuses(new ConvolutionSpec(4, 3, Padding: int.MaxValue), "padding is 2147483647");
        Refuses(new ConvolutionSpec(4, 23, Padding: 1), "a kernel of 23 does not fit an input of (3, 28, 20) with padding 1");
        Refuses(new ConvolutionSpec(4, 3, StandardDeviation: 1), "standardDeviation");
        Refuses(new ConvolutionSpec(int.MaxValue, 3), "a weight of (2147483647, 3, 3, 3)");
        Refuses(new ConvolutionSpec(50_000_000, 1), "an output of (50000000, 28, 20)");
        Refuses(new ConvolutionSpec(1, 1, Stride: 65_536, Padding: 65_536), "an input of (3, 28, 20) with padding 65536 has more than");
        Refuses(new MaxPoolingSpec(0), "size is 0");
        Refuses(new MaxPoolingSpec(2, Stride: 0), "stride is 0");
        Refuses(new MaxPoolingSpec(21), "a size of 21 does not fit an input of (3, 28, 20) with padding 0");
        Refuses(new MaxPoolingSpec(3, Padding: 2), "padding is 2; for windows of 3 it can be at most 1");
        Refuses(new AveragePoolingSpec(1, Padding: 1), "padding is 1; for windows of 1 it can be at most 0");
        Refuses(
            new ParallelSpec([[new ConvolutionSpec(3_000_000, 1)], [new ConvolutionSpec(3_000_000, 1)]]),
            "the branches give (3000000, 28, 20), (3000000, 28, 20), together more than 2147483647 elements");
        foreach (var spec in new LayerSpec[] { new ConvolutionSpec(4, 3), new MaxPoolingSpec(2), new AveragePoolingSpec(2), new GlobalAveragePoolingSpec() })
        {
            var flat = Assert.Throws<InvalidInputException>(() => new ModelSpec("m", [784], [spec, new AffineSpec(10)]).Shapes());
            Assert.Contains("(channels, height, width), not (784,). Give the model an input such as [1, 28, 28]", flat.Message, StringComparison.Ordinal);
        }

        static void Refuses(LayerSpec spec, string expected) =>
            Assert.Contains(expected, Assert.Throws<InvalidInputException>(() => spec.OutputShape(Image)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_EveryLayer_HasTheDocumentedNamesAndIsTheSameAfterARoundTrip()
    {
        const string Text = """
            {"name":"m","input":[1,28,28],"layers":[
              {"type":"convolution","filters":16,"kernel":3,"stride":2,"padding":1,"initializer":"gaussian","standardDeviation":0.02,"bias":false},
              {"type":"convolution","filters":8,"kernel":3},{"type":"max-pooling","size":2},{"type":"average-pooling","size":3,"stride":1,"padding":1},
              {"type":"global-average-pooling"},{"type":"flatten"},{"type":"affine","units":10}]}
            """;
        LayerSpec[] expected =
        [
            new ConvolutionSpec(16, 3, 2, 1, InitializerKind.Gaussian, 0.02f, Bias: false),
            new ConvolutionSpec(8, 3),
            new MaxPoolingSpec(2),
            new AveragePoolingSpec(3, 1, 1),
            new GlobalAveragePoolingSpec(),
            new FlattenSpec(),
            new AffineSpec(10),
        ];
        var read = SpecJson.ReadModel(Text, "m.json");
        Assert.Equal(expected, read.Layers);
        Assert.Equal(expected, SpecJson.ReadModel(SpecJson.Write(read), "m.json").Layers);
    }
}
