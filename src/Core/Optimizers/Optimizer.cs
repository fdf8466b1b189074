using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Optimizers;

/// <summary>
/// Updates parameters from the sum of their gradients: <c>Step</c> is the book's <c>update(params, grads)</c>. Its slots (velocity, moments)
/// are flat buffers in the parameters' layout.
/// </summary>
public abstract unsafe class Optimizer : IDisposable
{
    private readonly AlignedBuffer<float>[] _slots;
    private readonly GradientPreparation? _preparation;
    private readonly int _length;

    private protected Optimizer(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout, params string[] slotNames)
    {
        Spec = spec;
        Kernels = kernels;
        Layout = layout;
        _preparation = GradientPreparation.Of(spec, kernels);
        _length = layout.ParameterLength;
        SlotNames = slotNames;
        _slots = [.. slotNames.Select(_ => new AlignedBuffer<float>(_length))];
    }

    /// <summary>PyTorch's names of the state, for example <c>momentum_buffer</c> or <c>exp_avg</c>.</summary>
    public IReadOnlyList<string> SlotNames { get; }

    /// <summary>The optimizer of a spec.</summary>
    /// <param name="spec">Its description.</param>
    /// <param name="kernels">To compute with.</param>
    /// <param name="layout">How many parameters there are and, for lamb, where each tensor lies; it leaves buffers alone.</param>
    /// <exception cref="InvalidInputException">The spec is wrong.</exception>
    public static Optimizer Create(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout)
    {
        spec.Validate();
        return spec.Name switch
        {
            "sgd" => new Sgd(spec, kernels, layout),
            "momentum" => new Momentum(spec, kernels, layout),
            "nesterov" => new Nesterov(spec, kernels, layout),
            "adagrad" => new AdaGrad(spec, kernels, layout),
            "rmsprop" => new RmsProp(spec, kernels, layout),
            "adam" => new Adam(spec, kernels, layout),
            "adamw" => new AdamW(spec, kernels, layout),
            "lamb" => new Lamb(spec, kernels, layout),
            _ => throw new InvalidInputException($"Unknown optimizer '{spec.Name}'."),
        };
    }

    /// <summary>The names of the slots that an optimizer of this spec has: <see cref="SlotNames"/>.</summary>
    public static IReadOnlyList<string> SlotNamesOf(OptimizerSpec spec)
    {
        using var optimizer = Create(spec, new ReferenceKernels<float>(), new ParameterLayout([]));
        return optimizer.SlotNames;
    }

    /// <summary>How many <see cref="Scalars"/> an optimizer of this spec has.</summary>
    public static int ScalarCountOf(OptimizerSpec spec)
    {
        using var optimizer = Create(spec, new ReferenceKernels<float>(), new ParameterLayout([]));
        return optimizer.Scalars.Length;
    }

    /// <summary>State that is no tensor, such as Adam's βᵗ; empty for most.</summary>
    public virtual Span<double> Scalars => [];

    /// <summary>One update, in place.</summary>
    /// <param name="parameters">(ParameterLength,)</param>
    /// <param name="gradientSums">
    /// (ParameterLength,): the sum over the batch; its mean is the sum times <c>1f / sampleCount</c>. Clipping, decay and lamb overwrite it:
    /// afterwards its content is not specified.
    /// </param>
    /// <param name="sampleCount">Samples in the batch, at least 1.</param>
    /// <param name="learningRate">η of this step: <see cref="OptimizerSpec.LearningRateAt"/>.</param>
    public void Step(float* parameters, float* gradientSums, int sampleCount, double learningRate)
    {
        Begin(parameters, gradientSums, sampleCount, learningRate);
        Update(parameters, gradientSums, 0, _length);
    }

    /// <summary>
    /// The first part of <see cref="Step"/>, once per step: all that concerns more than one element. <see cref="Update"/> of every element follows, slice by
    /// slice, in any order and on any threads.
    /// </summary>
    /// <param name="parameters">As for <see cref="Step"/>.</param>
    /// <param name="gradientSums">As for <see cref="Step"/>.</param>
    /// <param name="sampleCount">As for <see cref="Step"/>.</param>
    /// <param name="learningRate">As for <see cref="Step"/>.</param>
    public void Begin(float* parameters, float* gradientSums, int sampleCount, double learningRate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleCount, 1);
        var scale = 1f / sampleCount;
        if (_preparation is not null)
        {
            _preparation.Run(parameters, gradientSums, scale, _length);
            scale = 1f;
        }

        Prepare(parameters, gradientSums, scale, learningRate);
    }

    /// <summary>Updates some elements, in place, after <see cref="Begin"/>.</summary>
    /// <param name="parameters">As for <see cref="Begin"/>: all of them.</param>
    /// <param name="gradientSums">As for <see cref="Begin"/>: all of them.</param>
    /// <param name="first">The first element.</param>
    /// <param name="count">How many; may be 0.</param>
    public abstract void Update(float* parameters, float* gradientSums, int first, int count);

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

    private protected OptimizerSpec Spec { get; }

    private protected Kernels<float> Kernels { get; }

    private protected ParameterLayout Layout { get; }

    private protected abstract void Prepare(float* parameters, float* gradientSums, float scale, double learningRate);

    private protected void Run<TOperator>(TOperator update, float* parameters, float* gradientSums, int first, int count)
        where TOperator : struct, IUpdateOperator<float> =>
        Kernels.Update(
            update,
            parameters + first,
            gradientSums + first,
            _slots.Length > 0 ? _slots[0].Pointer + first : null,
            _slots.Length > 1 ? _slots[1].Pointer + first : null,
            count);
}
