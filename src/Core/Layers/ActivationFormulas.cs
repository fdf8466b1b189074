using System.Numerics;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Layers;

/// <summary><c>x &lt;= 0 ? 0 : x</c>: a NaN passes on, it is not hidden.</summary>
public readonly struct ReluForward : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.SelectLessOrEqual(x, TLanes.Zero, TLanes.Zero, x);
}

/// <summary><c>y &lt;= 0 ? 0 : ∂y</c></summary>
public readonly struct ReluBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.SelectLessOrEqual(y, TLanes.Zero, TLanes.Zero, x);
}

/// <summary><c>1 / (1 + exp(−x))</c></summary>
public readonly struct SigmoidForward : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var one = TLanes.Create(T.One);
        return one / (one + TLanes.Exp(-x));
    }
}

/// <summary><c>∂y · (y · (1 − y))</c></summary>
public readonly struct SigmoidBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * (y * (TLanes.Create(T.One) - y));
}

/// <summary><c>tanh x</c></summary>
public readonly struct TanhForward : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.Tanh(x);
}

/// <summary><c>∂y · (1 − y · y)</c>, the inner product and difference fused: <c>∂y · fma(−y, y, 1)</c></summary>
public readonly struct TanhBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * TLanes.MultiplyAdd(-y, y, TLanes.Create(T.One));
}

/// <summary>x</summary>
public readonly struct IdentityForward : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x;
}

/// <summary>∂y</summary>
public readonly struct IdentityBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x;
}

/// <summary><c>x &lt;= 0 ? 0 : 1</c>, the book's section 3.2.3: 1 for NaN.</summary>
public readonly struct StepForward : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TLanes.SelectLessOrEqual(x, TLanes.Zero, TLanes.Zero, TLanes.Create(T.One));
}

/// <summary>0: the step's derivative wherever it has one.</summary>
public readonly struct StepBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.Zero;
}

/// <summary><c>x &lt;= 0 ? x · slope : x</c></summary>
/// <param name="slope">Below 0; PyTorch's negative_slope.</param>
public readonly struct LeakyReluForward(float slope) : IUnaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TLanes.SelectLessOrEqual(x, TLanes.Zero, x * TLanes.Create(T.CreateChecked(slope)), x);
}

/// <summary><c>x &lt;= 0 ? ∂y · slope : ∂y</c></summary>
/// <param name="slope">As in <see cref="LeakyReluForward"/>.</param>
public readonly struct LeakyReluBackward(float slope) : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TLanes.SelectLessOrEqual(y, TLanes.Zero, x * TLanes.Create(T.CreateChecked(slope)), x);
}

/// <summary>
/// GELU by its tanh formula (Hendrycks and Gimpel 2016; PyTorch's <c>approximate='tanh'</c>):
/// <c>h · (1 + tanh u)</c> with <c>h = 0.5 · x</c>, <c>u = √(2/π) · fma(0.044715 · x², x, x)</c>.
/// </summary>
public readonly struct GeluForward : IUnaryOperator
{
    internal const double RootOfTwoOverPi = 0.79788456080286535588;
    internal const double Cubic = 0.044715;

    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var half = TLanes.Create(T.CreateChecked(0.5)) * x;
        return half * (TLanes.Create(T.One) + TLanes.Tanh(Argument<TLanes, T>(x)));
    }

    internal static TLanes Argument<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TLanes.Create(T.CreateChecked(RootOfTwoOverPi)) * TLanes.MultiplyAdd(TLanes.Create(T.CreateChecked(Cubic)) * (x * x), x, x);
}

/// <summary>
/// <c>∂y · fma(h · fma(−t, t, 1), u′, 0.5 · (1 + t))</c> with h and u as in <see cref="GeluForward"/>, <c>t = tanh u</c>,
/// <c>u′ = √(2/π) · fma(3 · 0.044715, x², 1)</c>.
/// </summary>
public readonly struct GeluBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var one = TLanes.Create(T.One);
        var half = TLanes.Create(T.CreateChecked(0.5));
        var t = TLanes.Tanh(GeluForward.Argument<TLanes, T>(y));
        var slope = TLanes.Create(T.CreateChecked(GeluForward.RootOfTwoOverPi))
            * TLanes.MultiplyAdd(TLanes.Create(T.CreateChecked(3 * GeluForward.Cubic)), y * y, one);
        return x * TLanes.MultiplyAdd(half * y * TLanes.MultiplyAdd(-t, t, one), slope, half * (one + t));
    }
}
