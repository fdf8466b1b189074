using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Optimizers;

/// <summary>Stochastic gradient descent: <see cref="SgdUpdate{T}"/>.</summary>
internal sealed unsafe class Sgd(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout) : Optimizer(spec, kernels, layout)
{
    private SgdUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, float scale, double learningRate) =>
        _update = new SgdUpdate<float>((float)-learningRate, scale);
}

/// <summary>PyTorch's SGD with momentum: <see cref="MomentumUpdate{T}"/>. (The book's puts η inside v: v ← μ·v − η·g, p ← p + v.)</summary>
internal sealed unsafe class Momentum(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout)
    : Optimizer(spec, kernels, layout, "momentum_buffer")
{
    internal const double DefaultMomentum = 0.9;

    private MomentumUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, float scale, double learningRate) =>
        _update = new MomentumUpdate<float>((float)-learningRate, scale, (float)(Spec.Momentum ?? DefaultMomentum));
}

/// <summary>PyTorch's SGD with <c>nesterov=True</c>: <see cref="NesterovUpdate{T}"/>.</summary>
internal sealed unsafe class Nesterov(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout)
    : Optimizer(spec, kernels, layout, "momentum_buffer")
{
    private NesterovUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, float scale, double learningRate) =>
        _update = new NesterovUpdate<float>((float)-learningRate, scale, (float)(Spec.Momentum ?? Momentum.DefaultMomentum));
}

/// <summary>AdaGrad (Duchi et al. 2011): <see cref="AdaGradUpdate{T}"/>. (The book's ε is 1e-7.)</summary>
internal sealed unsafe class AdaGrad(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout) : Optimizer(spec, kernels, layout, "sum")
{
    private const double DefaultEpsilon = 1e-10;

    private AdaGradUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, float scale, double learningRate) =>
        _update = new AdaGradUpdate<float>((float)-learningRate, scale, (float)(Spec.Epsilon ?? DefaultEpsilon));
}

/// <summary>RMSProp (Tieleman and Hinton 2012): <see cref="RmsPropUpdate{T}"/>.</summary>
internal sealed unsafe class RmsProp(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout) : Optimizer(spec, kernels, layout, "square_avg")
{
    private const double DefaultAlpha = 0.99;
    private const double DefaultEpsilon = 1e-8;

    private RmsPropUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, float scale, double learningRate)
    {
        var alpha = Spec.Alpha ?? DefaultAlpha;
        // PyTorch computes 1 − α in double and rounds once.
        _update = new RmsPropUpdate<float>((float)-learningRate, scale, (float)alpha, (float)(1 - alpha), (float)(Spec.Epsilon ?? DefaultEpsilon));
    }
}
