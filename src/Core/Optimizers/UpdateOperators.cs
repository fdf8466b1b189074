using DistTrain.Core.Kernels;

namespace DistTrain.Core.Optimizers;

// In every formula g = gradientSum · scale is the mean gradient (scale = 1f / samples, one rounding), and fma marks the fused operations.

/// <summary><c>p ← fma(−η, g, p)</c></summary>
internal readonly struct SgdUpdate<T>(T negativeRate, T scale) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T> =>
        parameter = TLanes.MultiplyAdd(TLanes.Create(negativeRate), gradientSum * TLanes.Create(scale), parameter);
}

/// <summary><c>v ← fma(μ, v, g)</c>, <c>p ← fma(−η, v, p)</c></summary>
internal readonly struct MomentumUpdate<T>(T negativeRate, T scale, T momentum) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        slot0 = TLanes.MultiplyAdd(TLanes.Create(momentum), slot0, gradientSum * TLanes.Create(scale));
        parameter = TLanes.MultiplyAdd(TLanes.Create(negativeRate), slot0, parameter);
    }
}

/// <summary><c>v ← fma(μ, v, g)</c>, <c>p ← fma(−η, fma(μ, v, g), p)</c></summary>
internal readonly struct NesterovUpdate<T>(T negativeRate, T scale, T momentum) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        var gradient = gradientSum * TLanes.Create(scale);
        slot0 = TLanes.MultiplyAdd(TLanes.Create(momentum), slot0, gradient);
        var ahead = TLanes.MultiplyAdd(TLanes.Create(momentum), slot0, gradient);
        parameter = TLanes.MultiplyAdd(TLanes.Create(negativeRate), ahead, parameter);
    }
}

/// <summary><c>s ← fma(g, g, s)</c>, <c>p ← fma(−η, g / (√s + ε), p)</c></summary>
internal readonly struct AdaGradUpdate<T>(T negativeRate, T scale, T epsilon) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        var gradient = gradientSum * TLanes.Create(scale);
        slot0 = TLanes.MultiplyAdd(gradient, gradient, slot0);
        var direction = gradient / (TLanes.Sqrt(slot0) + TLanes.Create(epsilon));
        parameter = TLanes.MultiplyAdd(TLanes.Create(negativeRate), direction, parameter);
    }
}

/// <summary><c>s ← fma((1 − α) · g, g, α · s)</c>, <c>p ← fma(−η, g / (√s + ε), p)</c></summary>
internal readonly struct RmsPropUpdate<T>(T negativeRate, T scale, T alpha, T oneMinusAlpha, T epsilon) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        var gradient = gradientSum * TLanes.Create(scale);
        slot0 = TLanes.MultiplyAdd(TLanes.Create(oneMinusAlpha) * gradient, gradient, TLanes.Create(alpha) * slot0);
        var direction = gradient / (TLanes.Sqrt(slot0) + TLanes.Create(epsilon));
        parameter = TLanes.MultiplyAdd(TLanes.Create(negativeRate), direction, parameter);
    }
}

/// <summary><c>m ← fma(1 − β₁, g − m, m)</c>, <c>v ← fma((1 − β₂) · g, g, β₂ · v)</c>; the parameter stays.</summary>
internal readonly struct AdamMoments<T>(T scale, T oneMinusBeta1, T beta2, T oneMinusBeta2) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        var gradient = gradientSum * TLanes.Create(scale);
        slot0 = TLanes.MultiplyAdd(TLanes.Create(oneMinusBeta1), gradient - slot0, slot0);
        slot1 = TLanes.MultiplyAdd(TLanes.Create(oneMinusBeta2) * gradient, gradient, TLanes.Create(beta2) * slot1);
    }
}

/// <summary><see cref="AdamMoments{T}"/>, then <c>p ← fma(−η / (1 − β₁ᵗ), m / (√v / √(1 − β₂ᵗ) + ε), p)</c></summary>
internal readonly struct AdamUpdate<T>(AdamMoments<T> moments, T negativeStepSize, T rootOfCorrection2, T epsilon) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        moments.Invoke(ref parameter, gradientSum, ref slot0, ref slot1);
        var denominator = (TLanes.Sqrt(slot1) / TLanes.Create(rootOfCorrection2)) + TLanes.Create(epsilon);
        parameter = TLanes.MultiplyAdd(TLanes.Create(negativeStepSize), slot0 / denominator, parameter);
    }
}

/// <summary><c>p ← p · (1 − η·λ)</c>, then <see cref="AdamUpdate{T}"/></summary>
internal readonly struct AdamWUpdate<T>(AdamUpdate<T> adam, T kept) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        parameter *= TLanes.Create(kept);
        adam.Invoke(ref parameter, gradientSum, ref slot0, ref slot1);
    }
}

/// <summary>
/// <c>u ← fma(λ, p, (m / (1 − β₁ᵗ)) / (√v / √(1 − β₂ᵗ) + ε))</c>. Called with u in the parameter's place, which is the one written to, and the
/// parameter in the gradient's.
/// </summary>
internal readonly struct LambDirection<T>(T correction1, T rootOfCorrection2, T epsilon, T weightDecay) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T>
    {
        var denominator = (TLanes.Sqrt(slot1) / TLanes.Create(rootOfCorrection2)) + TLanes.Create(epsilon);
        var adam = slot0 / TLanes.Create(correction1) / denominator;
        parameter = TLanes.MultiplyAdd(TLanes.Create(weightDecay), gradientSum, adam);
    }
}

/// <summary>A running statistic's <c>b ← fma(μ, g − b, b)</c>: g is the mean of the shards' statistics, weighted by samples.</summary>
internal readonly struct BufferUpdate<T>(T momentum, T scale) : IUpdateOperator<T>
    where T : unmanaged
{
    public void Invoke<TLanes>(ref TLanes parameter, TLanes gradientSum, ref TLanes slot0, ref TLanes slot1)
        where TLanes : unmanaged, ILanes<TLanes, T> =>
        parameter = TLanes.MultiplyAdd(TLanes.Create(momentum), (gradientSum * TLanes.Create(scale)) - parameter, parameter);
}
