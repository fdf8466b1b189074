using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// An elementwise layer y = f(x) whose derivative can be told from y: ReLU, Sigmoid, Tanh. Backward is ∂x = g(∂y, y), in place.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <typeparam name="TForward">f.</typeparam>
/// <typeparam name="TBackward">g.</typeparam>
public sealed unsafe class Activation<T, TForward, TBackward>(Kernels<T> kernels, Shape shape) : Layer<T>(kernels, shape, shape)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TForward : struct, IUnaryOperator
    where TBackward : struct, IBinaryOperator
{
    private readonly RowBuffer<T> _buffer = new(shape.Size);
    private Matrix<T> _output;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input)
    {
        _output = _buffer.Rows(input.Rows);
        // Whole rows with their padding: every element is on its own, and nobody reads the padding's.
        Kernels.Map<TForward>(input.Data, _output.Data, (nint)input.Rows * input.Stride);
        return _output;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        Kernels.Map<TBackward>(outputGradient.Data, _output.Data, outputGradient.Data, (nint)outputGradient.Rows * outputGradient.Stride);
        return outputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _buffer.Dispose();
}

/// <summary><c>x &lt;= 0 ? 0 : x</c>: a NaN passes on, it is not hidden.</summary>
public readonly struct ReluForward : IUnaryOperator
{
    /// <inheritdoc/>
    public static TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.SelectLessOrEqual(x, TLanes.Zero, TLanes.Zero, x);
}

/// <summary><c>y &lt;= 0 ? 0 : ∂y</c></summary>
public readonly struct ReluBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public static TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.SelectLessOrEqual(y, TLanes.Zero, TLanes.Zero, x);
}

/// <summary><c>1 / (1 + exp(−x))</c></summary>
public readonly struct SigmoidForward : IUnaryOperator
{
    /// <inheritdoc/>
    public static TLanes Invoke<TLanes, T>(TLanes x)
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
    public static TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * (y * (TLanes.Create(T.One) - y));
}

/// <summary><c>tanh x</c></summary>
public readonly struct TanhForward : IUnaryOperator
{
    /// <inheritdoc/>
    public static TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.Tanh(x);
}

/// <summary><c>∂y · (1 − y · y)</c>, the inner product and difference fused: <c>∂y · fma(−y, y, 1)</c></summary>
public readonly struct TanhBackward : IBinaryOperator
{
    /// <inheritdoc/>
    public static TLanes Invoke<TLanes, T>(TLanes x, TLanes y)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => x * TLanes.MultiplyAdd(-y, y, TLanes.Create(T.One));
}
