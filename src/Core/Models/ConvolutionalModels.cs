namespace DistTrain.Core.Models;

/// <summary>The convolutional networks of the catalogue. All weights start as He's, all activations are ReLU.</summary>
public static class ConvolutionalModels
{
    private const int Classes = 10;
    private static readonly int[] Digit = [1, 28, 28];

    /// <summary>The book's SimpleConvNet (chapter 7): 30 filters 5 × 5, pooling by 2, 100 units.</summary>
    public static ModelSpec SimpleConvNet() => new(
        "simple-convnet",
        Digit,
        [new ConvolutionSpec(30, 5), new ReluSpec(), new MaxPoolingSpec(2), new AffineSpec(100), new ReluSpec(), new AffineSpec(Classes)]);

    /// <summary>The book's DeepConvNet (chapter 8), with its last dropout after the scores.</summary>
    public static ModelSpec DeepConvNet() => new(
        "deep-convnet",
        Digit,
        [
            .. Filters(16, 1), .. Filters(16, 1), new MaxPoolingSpec(2),
            .. Filters(32, 1), .. Filters(32, 2), new MaxPoolingSpec(2),
            .. Filters(64, 1), .. Filters(64, 1), new MaxPoolingSpec(2),
            new AffineSpec(50), new ReluSpec(), new DropoutSpec(0.5f),
            new AffineSpec(Classes), new DropoutSpec(0.5f),
        ]);

    /// <summary>LeNet-5 (LeCun et al. 1998) as it is built today: ReLU for tanh, max pooling for its weighted subsampling, no sparse connections.</summary>
    public static ModelSpec LeNet5() => new(
        "lenet-5",
        Digit,
        [
            new ConvolutionSpec(6, 5, Padding: 2), new ReluSpec(), new MaxPoolingSpec(2),
            new ConvolutionSpec(16, 5), new ReluSpec(), new MaxPoolingSpec(2),
            new AffineSpec(120), new ReluSpec(), new AffineSpec(84), new ReluSpec(), new AffineSpec(Classes),
        ]);

    /// <summary>Two of GoogLeNet's inception blocks (Szegedy et al. 2015) on a small stem, averaged over the image as there.</summary>
    public static ModelSpec InceptionSmall() => new(
        "inception-small",
        Digit,
        [
            .. Filters(16, 1), new MaxPoolingSpec(2),
            Inception(8, 8, 16, 4, 8, 8), new MaxPoolingSpec(2),
            Inception(16, 16, 32, 4, 16, 16),
            new GlobalAveragePoolingSpec(), new AffineSpec(Classes),
        ]);

    /// <summary>A small VGG (Simonyan and Zisserman 2015): pairs of 3 × 3 convolutions, pooling, twice as many filters.</summary>
    public static ModelSpec VggSmall() => new(
        "vgg-small",
        Digit,
        [
            .. Filters(16, 1), .. Filters(16, 1), new MaxPoolingSpec(2),
            .. Filters(32, 1), .. Filters(32, 1), new MaxPoolingSpec(2),
            .. Filters(64, 1), .. Filters(64, 1), new MaxPoolingSpec(2),
            new AffineSpec(128), new ReluSpec(), new DropoutSpec(0.5f), new AffineSpec(Classes),
        ]);

    /// <summary>AlexNet (Krizhevsky et al. 2012) for 1,000 classes of 227 × 227 colour images, without its split over two devices.</summary>
    public static ModelSpec AlexNet() => new(
        "alexnet",
        [3, 227, 227],
        [
            new ConvolutionSpec(96, 11, Stride: 4), new ReluSpec(), new LocalResponseNormalizationSpec(Bias: 2), new MaxPoolingSpec(3, Stride: 2),
            new ConvolutionSpec(256, 5, Padding: 2), new ReluSpec(), new LocalResponseNormalizationSpec(Bias: 2), new MaxPoolingSpec(3, Stride: 2),
            .. Filters(384, 1), .. Filters(384, 1), .. Filters(256, 1), new MaxPoolingSpec(3, Stride: 2),
            .. Hidden(4096), .. Hidden(4096), new AffineSpec(1000),
        ]);

    /// <summary>AlexNet's sequence of layers for digits: smaller kernels, a sixth of the filters and units.</summary>
    public static ModelSpec AlexNet28() => new(
        "alexnet-28",
        Digit,
        [
            new ConvolutionSpec(16, 5, Padding: 2), new ReluSpec(), new LocalResponseNormalizationSpec(Bias: 2), new MaxPoolingSpec(3, Stride: 2),
            new ConvolutionSpec(40, 5, Padding: 2), new ReluSpec(), new LocalResponseNormalizationSpec(Bias: 2), new MaxPoolingSpec(3, Stride: 2),
            .. Filters(64, 1), .. Filters(64, 1), .. Filters(40, 1), new MaxPoolingSpec(3, Stride: 2),
            .. Hidden(256), .. Hidden(256), new AffineSpec(Classes),
        ]);

    private static IReadOnlyList<LayerSpec> Filters(int count, int padding) => [new ConvolutionSpec(count, 3, Padding: padding), new ReluSpec()];

    private static IReadOnlyList<LayerSpec> Hidden(int units) => [new DropoutSpec(0.5f), new AffineSpec(units), new ReluSpec()];

    /// <summary>GoogLeNet's block: 1 × 1; 3 × 3 and 5 × 5 behind a reduction; pooling and a projection. (Figure 2b.)</summary>
    private static ParallelSpec Inception(int direct, int reduce3, int filters3, int reduce5, int filters5, int projection) => new(
    [
        [new ConvolutionSpec(direct, 1), new ReluSpec()],
        [new ConvolutionSpec(reduce3, 1), new ReluSpec(), new ConvolutionSpec(filters3, 3, Padding: 1), new ReluSpec()],
        [new ConvolutionSpec(reduce5, 1), new ReluSpec(), new ConvolutionSpec(filters5, 5, Padding: 2), new ReluSpec()],
        [new MaxPoolingSpec(3, Stride: 1, Padding: 1), new ConvolutionSpec(projection, 1), new ReluSpec()],
    ]);
}
