using DistTrain.Core.Kernels;

namespace DistTrain.Core.Optimizers;

/// <summary>
/// What happens to the mean gradient before the update sees it, in this order: clipping by its global norm, as PyTorch's
/// <c>clip_grad_norm_</c>, <c>g ← g·min(1, c / (‖g‖ + 1e-6))</c>; coupled weight decay, <c>g ← g + λ·p</c>; the gradient of λ₁·Σ|p|,
/// <c>g ← g + λ₁·sign(p)</c>. The norm is over all parameters together, in the order of <see cref="Kernels{T}.SumOfSquares"/>.
/// </summary>
internal sealed unsafe class GradientPreparation
{
    // PyTorch's, against a division by 0.
    private const double NormEpsilon = 1e-6;

    private readonly Kernels<float> _kernels;
    private readonly double? _clipNorm;
    private readonly float _weightDecay;
    private readonly float _l1;

    private GradientPreparation(Kernels<float> kernels, double? clipNorm, double weightDecay, double l1)
    {
        _kernels = kernels;
        _clipNorm = clipNorm;
        _weightDecay = (float)weightDecay;
        _l1 = (float)l1;
    }

    /// <summary>What a spec asks for; null if that is nothing.</summary>
    public static GradientPreparation? Of(OptimizerSpec spec, Kernels<float> kernels)
    {
        var coupled = spec.HasDecayOfItsOwn ? null : spec.WeightDecay;
        return spec.ClipNorm is null && coupled is null && spec.L1 is null
            ? null
            : new GradientPreparation(kernels, spec.ClipNorm, coupled ?? 0, spec.L1 ?? 0);
    }

    /// <summary>Turns the sum over the batch into the prepared mean, in place.</summary>
    /// <param name="parameters">(length,), read.</param>
    /// <param name="gradient">(length,)</param>
    /// <param name="scale">1 / samples.</param>
    /// <param name="length">The number of elements.</param>
    public void Run(float* parameters, float* gradient, float scale, int length)
    {
        if (_clipNorm is { } clipNorm)
        {
            _kernels.Update(new Scale<float>(scale), gradient, gradient, null, null, length);
            var norm = Math.Sqrt(_kernels.SumOfSquares(gradient, length));
            scale = (float)Math.Min(1, clipNorm / (norm + NormEpsilon));
        }

        _kernels.Update(new DecayedGradient<float>(scale, _weightDecay, _l1), gradient, parameters, null, null, length);
    }
}

/// <summary><c>x ← y · scale</c></summary>
internal readonly struct Scale<T>(T scale) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T> =>
        parameter = gradientSum * TLanes.Create(scale);
}

/// <summary>
/// <c>g ← fma(λ₁, sign(p), fma(λ, p, g · scale))</c>, where sign(±0) = 0. Called with the gradient in the parameter's place, which is
/// the one written to, and the parameter in the gradient's. A λ of 0 adds 0.
/// </summary>
internal readonly struct DecayedGradient<T>(T scale, T weightDecay, T l1) : IUpdateOperator<T>
    where T : unmanaged, System.Numerics.INumberBase<T>
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        var (gradient, p, one) = (parameter, gradientSum, TLanes.Create(T.One));
        var sign = TLanes.SelectLessOrEqual(p, TLanes.Zero, TLanes.Zero, one) - TLanes.SelectLessOrEqual(TLanes.Zero, p, TLanes.Zero, one);
        var decayed = TLanes.MultiplyAdd(TLanes.Create(weightDecay), p, gradient * TLanes.Create(scale));
        parameter = TLanes.MultiplyAdd(TLanes.Create(l1), sign, decayed);
    }
}
