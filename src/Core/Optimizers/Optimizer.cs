using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Optimizers;

/// <summary>
/// Updates parameters from the sum of their gradients: <c>Step</c> is the book's <c>update(params, grads)</c>. Its slots (velocity, moments)
/// are flat buffers in the parameters' layout.
/// </summary>
public abstract unsafe class Optimizer : IDisposable
{
    private readonly Kernels<float> _kernels;
    private readonly AlignedBuffer<float>[] _slots;
    private readonly int _length;

    private protected Optimizer(Kernels<float> kernels, int length, params string[] slotNames)
    {
        _kernels = kernels;
        _length = length;
        SlotNames = slotNames;
        _slots = [.. slotNames.Select(_ => new AlignedBuffer<float>(length))];
    }

    /// <summary>PyTorch's names of the state, for example <c>momentum_buffer</c> or <c>exp_avg</c>.</summary>
    public IReadOnlyList<string> SlotNames { get; }

    /// <summary>The optimizer of a spec for <paramref name="length"/> parameters.</summary>
    /// <exception cref="InvalidInputException">The spec is wrong.</exception>
    public static Optimizer Create(OptimizerSpec spec, Kernels<float> kernels, int length)
    {
        spec.Validate();
        return spec.Name switch
        {
            "sgd" => new Sgd(spec, kernels, length),
            "momentum" => new Momentum(spec, kernels, length),
            "nesterov" => new Nesterov(spec, kernels, length),
            "adagrad" => new AdaGrad(spec, kernels, length),
            "rmsprop" => new RmsProp(spec, kernels, length),
            "adam" => new Adam(spec, kernels, length),
            _ => throw new InvalidInputException($"Unknown optimizer '{spec.Name}'."),
        };
    }

    /// <summary>The names of the slots that an optimizer of this spec has: <see cref="SlotNames"/>.</summary>
    public static IReadOnlyList<string> SlotNamesOf(OptimizerSpec spec)
    {
        using var optimizer = Create(spec, new ReferenceKernels<float>(), length: 0);
        return optimizer.SlotNames;
    }

    /// <summary>How many <see cref="Scalars"/> an optimizer of this spec has.</summary>
    public static int ScalarCountOf(OptimizerSpec spec)
    {
        using var optimizer = Create(spec, new ReferenceKernels<float>(), length: 0);
        return optimizer.Scalars.Length;
    }

    /// <summary>State that is no tensor, such as Adam's βᵗ; empty for most.</summary>
    public virtual Span<double> Scalars => [];

    /// <summary>One update, in place.</summary>
    /// <param name="parameters">(length,)</param>
    /// <param name="gradientSums">(length,): the sum over the batch; its mean is the sum times <c>1f / sampleCount</c>.</param>
    /// <param name="sampleCount">Samples in the batch, at least 1.</param>
    public void Step(float* parameters, float* gradientSums, int sampleCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleCount, 1);
        Update(parameters, gradientSums, 1f / sampleCount);
    }

    /// <summary>The elements of slot <paramref name="index"/>.</summary>
    public Span<float> Slot(int index) => _slots[index].Span;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slot in _slots)
        {
            slot.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    private protected abstract void Update(float* parameters, float* gradientSums, float scale);

    private protected void Run<TOperator>(TOperator update, float* parameters, float* gradientSums)
        where TOperator : struct, IUpdateOperator<float> =>
        _kernels.Update(
            update,
            parameters,
            gradientSums,
            _slots.Length > 0 ? _slots[0].Pointer : null,
            _slots.Length > 1 ? _slots[1].Pointer : null,
            _length);
}

/// <summary>Stochastic gradient descent: <see cref="SgdUpdate{T}"/>.</summary>
internal sealed unsafe class Sgd(OptimizerSpec spec, Kernels<float> kernels, int length) : Optimizer(kernels, length)
{
    private protected override void Update(float* parameters, float* gradientSums, float scale) =>
        Run(new SgdUpdate<float>((float)-spec.LearningRate, scale), parameters, gradientSums);
}

/// <summary>PyTorch's SGD with momentum: <see cref="MomentumUpdate{T}"/>. (The book's puts η inside v: v ← μ·v − η·g, p ← p + v.)</summary>
internal sealed unsafe class Momentum(OptimizerSpec spec, Kernels<float> kernels, int length)
    : Optimizer(kernels, length, "momentum_buffer")
{
    internal const double DefaultMomentum = 0.9;

    private protected override void Update(float* parameters, float* gradientSums, float scale) =>
        Run(new MomentumUpdate<float>((float)-spec.LearningRate, scale, (float)(spec.Momentum ?? DefaultMomentum)), parameters, gradientSums);
}

/// <summary>PyTorch's SGD with <c>nesterov=True</c>: <see cref="NesterovUpdate{T}"/>.</summary>
internal sealed unsafe class Nesterov(OptimizerSpec spec, Kernels<float> kernels, int length)
    : Optimizer(kernels, length, "momentum_buffer")
{
    private protected override void Update(float* parameters, float* gradientSums, float scale) =>
        Run(new NesterovUpdate<float>((float)-spec.LearningRate, scale, (float)(spec.Momentum ?? Momentum.DefaultMomentum)), parameters, gradientSums);
}

/// <summary>AdaGrad (Duchi et al. 2011): <see cref="AdaGradUpdate{T}"/>. (The book's ε is 1e-7.)</summary>
internal sealed unsafe class AdaGrad(OptimizerSpec spec, Kernels<float> kernels, int length) : Optimizer(kernels, length, "sum")
{
    private const double DefaultEpsilon = 1e-10;

    private protected override void Update(float* parameters, float* gradientSums, float scale) =>
        Run(new AdaGradUpdate<float>((float)-spec.LearningRate, scale, (float)(spec.Epsilon ?? DefaultEpsilon)), parameters, gradientSums);
}

/// <summary>RMSProp (Tieleman and Hinton 2012): <see cref="RmsPropUpdate{T}"/>.</summary>
internal sealed unsafe class RmsProp(OptimizerSpec spec, Kernels<float> kernels, int length) : Optimizer(kernels, length, "square_avg")
{
    private const double DefaultAlpha = 0.99;
    private const double DefaultEpsilon = 1e-8;

    private protected override void Update(float* parameters, float* gradientSums, float scale)
    {
        var alpha = spec.Alpha ?? DefaultAlpha;
        // PyTorch computes 1 − α in double and rounds once.
        Run(
            new RmsPropUpdate<float>((float)-spec.LearningRate, scale, (float)alpha, (float)(1 - alpha), (float)(spec.Epsilon ?? DefaultEpsilon)),
            parameters,
            gradientSums);
    }
}

/// <summary>Adam (Kingma and Ba 2015): <see cref="AdamUpdate{T}"/>. βᵗ is a repeated double product, kept in the state.</summary>
internal sealed unsafe class Adam(OptimizerSpec spec, Kernels<float> kernels, int length)
    : Optimizer(kernels, length, "exp_avg", "exp_avg_sq")
{
    private const double DefaultBeta1 = 0.9;
    private const double DefaultBeta2 = 0.999;
    private const double DefaultEpsilon = 1e-8;
    private readonly double[] _powers = [1, 1];

    /// <summary>β₁ᵗ and β₂ᵗ.</summary>
    public override Span<double> Scalars => _powers;

    private protected override void Update(float* parameters, float* gradientSums, float scale)
    {
        var beta1 = spec.Beta1 ?? DefaultBeta1;
        var beta2 = spec.Beta2 ?? DefaultBeta2;
        _powers[0] *= beta1;
        _powers[1] *= beta2;
        Run(
            new AdamUpdate<float>(
                (float)(-spec.LearningRate / (1 - _powers[0])),
                scale,
                (float)(1 - beta1),
                (float)beta2,
                (float)(1 - beta2),
                (float)Math.Sqrt(1 - _powers[1]),
                (float)(spec.Epsilon ?? DefaultEpsilon)),
            parameters,
            gradientSums);
    }
}
