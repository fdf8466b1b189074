using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary><see cref="Convolution{T}"/></summary>
/// <param name="Filters">Output channels, at least 1.</param>
/// <param name="Kernel">Rows and columns of a window, at least 1 and at most those of the padded image.</param>
/// <param name="Stride">From one window to the next, both ways; at least 1 (default).</param>
/// <param name="Padding">Rows and columns of zeros on each side; default 0.</param>
/// <param name="Initializer">How the weight starts (default <c>he</c>); the bias starts at 0.</param>
/// <param name="StandardDeviation">For <see cref="InitializerKind.Gaussian"/> only; default 0.01, as in the book's chapter 7.</param>
/// <param name="Bias">Whether there is one per filter; default true. Before a batch normalisation it would have no effect.</param>
public sealed record ConvolutionSpec(
    int Filters,
    int Kernel,
    int Stride = 1,
    int Padding = 0,
    InitializerKind Initializer = InitializerKind.He,
    float? StandardDeviation = null,
    bool Bias = true) : LayerSpec
{
    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input)
    {
        var weight = ("weight", new Shape(Filters, input[0], Kernel, Kernel));
        return Bias ? [weight, ("bias", new Shape(Filters))] : [weight];
    }

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (Filters < 1)
        {
            throw new InvalidInputException($"filters is {Filters}; a convolution needs at least 1.");
        }

        WeightRules.Validate(Initializer, StandardDeviation);
        var windows = ImageRules.Windows(input, "kernel", Kernel, Stride, Padding);
        return (double)Filters * input[0] * Kernel * Kernel <= int.MaxValue
            ? ImageRules.Output(windows, Filters)
            : throw new InvalidInputException($"a weight of ({Filters}, {input[0]}, {Kernel}, {Kernel}) has more than {int.MaxValue} elements.");
    }

    /// <inheritdoc/>
    public override void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer)
    {
        if (name == "bias")
        {
            values.Clear();
            return;
        }

        var window = Kernel * Kernel;
        WeightRules.Fill(values, Initializer, StandardDeviation, fanIn: input[0] * window, fanOut: Filters * window, seed, layer);
    }

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input) => (long)OutputShape(input).Size * input[0] * Kernel * Kernel;

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) => new Convolution<T>(
        kernels,
        ImageRules.Windows(input, "kernel", Kernel, Stride, Padding),
        Filters,
        place.ParameterOffsets[0],
        Bias ? place.ParameterOffsets[1] : null);
}

/// <summary><see cref="MaxPooling{T}"/></summary>
/// <param name="Size">Rows and columns of a window, at least 1 and at most those of the padded image.</param>
/// <param name="Stride">From one window to the next, both ways; default <paramref name="Size"/>.</param>
/// <param name="Padding">Rows and columns around the image that never win; at most half of <paramref name="Size"/>, default 0.</param>
public sealed record MaxPoolingSpec(int Size, int? Stride = null, int Padding = 0) : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => ImageRules.Output(ImageRules.PoolingWindows(input, Size, Stride, Padding), input[0]);

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new MaxPooling<T>(kernels, ImageRules.PoolingWindows(input, Size, Stride, Padding));
}

/// <summary><see cref="AveragePooling{T}"/></summary>
/// <param name="Size">Rows and columns of a window, at least 1 and at most those of the padded image.</param>
/// <param name="Stride">From one window to the next, both ways; default <paramref name="Size"/>.</param>
/// <param name="Padding">Rows and columns of zeros around the image, which count; at most half of <paramref name="Size"/>, default 0.</param>
public sealed record AveragePoolingSpec(int Size, int? Stride = null, int Padding = 0) : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => ImageRules.Output(ImageRules.PoolingWindows(input, Size, Stride, Padding), input[0]);

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new AveragePooling<T>(kernels, ImageRules.PoolingWindows(input, Size, Stride, Padding));
}

/// <summary><see cref="GlobalAveragePooling{T}"/></summary>
public sealed record GlobalAveragePoolingSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        ImageRules.RequireImage(input);
        return new Shape(input[0], 1, 1);
    }

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) => new GlobalAveragePooling<T>(kernels, input);
}

/// <summary><see cref="Flatten{T}"/></summary>
public sealed record FlattenSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => new(input.Size);

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) => new Flatten<T>(kernels, input);
}
