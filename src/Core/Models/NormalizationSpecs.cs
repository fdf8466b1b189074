using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary><see cref="BatchNormalization{T}"/>: per unit of a dense input, per channel of an image.</summary>
/// <param name="Epsilon">ε, above 0; default 1e-5, as in PyTorch. (The book's is 1e-6, inside of the root too.)</param>
/// <param name="Momentum">Of the running statistics, in (0, 1]; default 0.1, as in PyTorch. (The book's 0.9 is 1 − this.)</param>
/// <param name="PerPixel">True normalises every pixel of an image on its own, as the book does; PyTorch has no such layer.</param>
public sealed record BatchNormalizationSpec(float Epsilon = 1e-5f, float Momentum = 0.1f, bool? PerPixel = null) : LayerSpec
{
    private const string RunningMean = "running_mean";
    private const string RunningVariance = "running_var";

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) =>
        [("weight", new Shape(Channels(input))), ("bias", new Shape(Channels(input)))];

    /// <inheritdoc/>
    public override IReadOnlyList<BufferSpec> Buffers(Shape input) =>
        [new(RunningMean, new Shape(Channels(input)), Momentum), new(RunningVariance, new Shape(Channels(input)), Momentum)];

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (!(Epsilon > 0) || !float.IsFinite(Epsilon))
        {
            throw new InvalidInputException($"epsilon is {Epsilon:R}; it must be above 0.");
        }

        return Momentum is > 0 and <= 1 ? input : throw new InvalidInputException($"momentum is {Momentum:R}; it must be above 0 and at most 1.");
    }

    /// <summary>1 for the weight and the running variance, 0 for the bias and the running mean.</summary>
    /// <inheritdoc/>
    public override void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer) =>
        values.Fill(name is "weight" or RunningVariance ? 1f : 0f);

    /// <inheritdoc/>
    public override int? StatisticSize(Shape input) => input.Size / Channels(input);

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) => new BatchNormalization<T>(
        kernels,
        input,
        Channels(input),
        Epsilon,
        new(place.ParameterOffsets[0], place.ParameterOffsets[1], place.BufferOffsets[0], place.BufferOffsets[1]));

    private int Channels(Shape input) => input.Rank == 1 || PerPixel == true ? input.Size : input[0];
}

/// <summary><see cref="LocalResponseNormalization{T}"/></summary>
/// <param name="Size">Channels of a window, at least 1; default 5.</param>
/// <param name="Alpha">At least 0; default 1e-4, divided by the size, as in PyTorch.</param>
/// <param name="Beta">At least 0; default 0.75.</param>
/// <param name="Bias">Above 0; default 1 (PyTorch's; AlexNet's paper has 2).</param>
public sealed record LocalResponseNormalizationSpec(int Size = 5, float Alpha = 1e-4f, float Beta = 0.75f, float Bias = 1) : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (Size < 1 || !(Alpha >= 0) || !(Beta >= 0) || !(Bias > 0) || !float.IsFinite(Alpha + Beta + Bias))
        {
            throw new InvalidInputException($"size {Size}, alpha {Alpha:R}, beta {Beta:R}, bias {Bias:R}: size must be at least 1, alpha and beta at least 0, bias above 0.");
        }

        return input.Rank == 3 ? input : throw new InvalidInputException($"it takes images (channels, height, width), not {input}.");
    }

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new LocalResponseNormalization<T>(kernels, input, Size, Alpha, Beta, Bias);
}

/// <summary><see cref="Dropout{T}"/></summary>
/// <param name="Probability">Of an element to be dropped, in [0, 1); default 0.5.</param>
/// <param name="ScaleAtInference">True scales by 1 − p in an evaluation, as the book does, instead of by 1 / (1 − p) in training.</param>
public sealed record DropoutSpec(float Probability = 0.5f, bool? ScaleAtInference = null) : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => Probability is >= 0 and < 1
        ? input
        : throw new InvalidInputException($"probability is {Probability:R}; it must be at least 0 and below 1.");

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Dropout<T>(kernels, input, Probability, ScaleAtInference ?? false, place.Layer);
}
