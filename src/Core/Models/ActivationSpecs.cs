using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>max(0, x): <see cref="ReluForward"/></summary>
public sealed record ReluSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, ReluForward, ReluBackward>(kernels, input, default, default, DerivativeKind.HasKink);
}

/// <summary>The logistic function: <see cref="SigmoidForward"/></summary>
public sealed record SigmoidSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, SigmoidForward, SigmoidBackward>(kernels, input, default, default, DerivativeKind.OfOutput);
}

/// <summary>The hyperbolic tangent: <see cref="TanhForward"/></summary>
public sealed record TanhSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, TanhForward, TanhBackward>(kernels, input, default, default, DerivativeKind.OfOutput);
}

/// <summary>ReLU with a slope below 0: <see cref="LeakyReluForward"/></summary>
/// <param name="Slope">In [0, 1); default 0.01, as in PyTorch.</param>
public sealed record LeakyReluSpec(float Slope = 0.01f) : LayerSpec
{
    /// <inheritdoc/>
    public override Shape OutputShape(Shape input) => Slope is >= 0 and < 1
        ? input
        : throw new InvalidInputException($"slope is {Slope:R}; it must be at least 0 and below 1.");

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, LeakyReluForward, LeakyReluBackward>(
            kernels, input, new(Slope), new(Slope), DerivativeKind.OfInput | DerivativeKind.HasKink);
}

/// <summary>The Gaussian error linear unit, by its tanh formula: <see cref="GeluForward"/></summary>
public sealed record GeluSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, GeluForward, GeluBackward>(kernels, input, default, default, DerivativeKind.OfInput);
}

/// <summary>The layer that does nothing.</summary>
public sealed record IdentitySpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, IdentityForward, IdentityBackward>(kernels, input, default, default, DerivativeKind.OfOutput);
}

/// <summary>The step function: <see cref="StepForward"/>. For inference only: its derivative is 0 wherever it has one, so nothing before it learns.</summary>
public sealed record StepSpec : LayerSpec
{
    /// <inheritdoc/>
    public override string ReasonNotToTrain() => "its step layers have the derivative 0: nothing before them would learn. Use sigmoid or relu in their place.";

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
        new Activation<T, StepForward, StepBackward>(kernels, input, default, default, DerivativeKind.OfInput | DerivativeKind.HasKink);
}

/// <summary><see cref="Softmax{T}"/>. The loss softmax-cross-entropy has its own: do not use both.</summary>
public sealed record SoftmaxSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) => new Softmax<T>(kernels, input);
}
