using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// Local response normalisation across channels (Krizhevsky et al. 2012, AlexNet; PyTorch's LocalResponseNorm): with
/// <c>s_c = fma(α/n, Σ x²_j, k)</c> over the channels j from c − n/2 to c + (n − 1)/2 that exist, ascending, each square rounded and added in a chain,
/// and <c>d_c = exp(−β · ln s_c)</c>: <c>y_c = x_c · d_c</c>. (The paper's α is not divided by n.) Backward:
/// <c>∂x_c = ∂y_c · d_c − (x_c · 2αβ/n) · Σ_j ((∂y_j · y_j) / s_j)</c> over the channels j whose window holds c, ascending.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="shape">(channels, height, width)</param>
/// <param name="size">n, at least 1.</param>
/// <param name="alpha">α</param>
/// <param name="beta">β</param>
/// <param name="bias">k, above 0.</param>
public sealed unsafe class LocalResponseNormalization<T>(Kernels<T> kernels, Shape shape, int size, float alpha, float beta, float bias)
    : Layer<T>(kernels, shape, shape)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int _channels = shape[0];
    private readonly int _pixels = shape.Size / shape[0];
    private readonly T _scale = T.CreateChecked((double)alpha / size);
    private readonly T _slope = T.CreateChecked(2 * (double)alpha * beta / size);
    private readonly RowBuffer<T> _output = new(shape.Size);
    private readonly RowBuffer<T> _sums = new(shape.Size);
    private readonly RowBuffer<T> _factors = new(shape.Size);
    private readonly RowBuffer<T> _terms = new(shape.Size);
    private readonly RowBuffer<T> _scratch = new(shape.Size / shape[0]);
    private Matrix<T> _input;
    private Matrix<T> _outputRows;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        _input = input;
        _outputRows = _output.Rows(input.Rows);
        var (sums, factors, squares) = (_sums.Rows(input.Rows), _factors.Rows(input.Rows), _terms.Rows(input.Rows));
        Kernels.Map(default(Multiply), input.Data, input.Data, squares.Data, (nint)input.Rows * input.Stride);
        for (var row = 0; row < input.Rows; row++)
        {
            for (var c = 0; c < _channels; c++)
            {
                var sum = At(sums, row, c);
                AddChannels(squares, row, c - (size / 2), c + ((size - 1) / 2), sum);
                Kernels.Map(new FusedScale<T>(_scale, T.CreateChecked(bias)), sum, sum, _pixels);
                Kernels.Map(new NegativePower<T>(T.CreateChecked(-(double)beta)), sum, At(factors, row, c), _pixels);
            }
        }

        Kernels.Map(default(Multiply), input.Data, factors.Data, _outputRows.Data, (nint)input.Rows * input.Stride);
        return _outputRows;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        var count = (nint)outputGradient.Rows * outputGradient.Stride;
        var terms = _terms.Rows(outputGradient.Rows);
        Kernels.Map(default(Multiply), outputGradient.Data, _outputRows.Data, terms.Data, count);
        Kernels.Map(default(Divide), terms.Data, _sums.Rows(outputGradient.Rows).Data, terms.Data, count);
        Kernels.Map(default(Multiply), outputGradient.Data, _factors.Rows(outputGradient.Rows).Data, outputGradient.Data, count);
        var scratch = _scratch.Rows(2);
        for (var row = 0; row < outputGradient.Rows; row++)
        {
            for (var c = 0; c < _channels; c++)
            {
                var sum = scratch.Data;
                var scaled = scratch.Data + scratch.Stride;
                var gradient = At(outputGradient, row, c);
                // Channel j looks from j − n/2 to j + (n − 1)/2, so these look at c.
                AddChannels(terms, row, c - ((size - 1) / 2), c + (size / 2), sum);
                Kernels.Map(new MultiplyConstant<T>(_slope), At(_input, row, c), scaled, _pixels);
                Kernels.Map(default(Multiply), scaled, sum, scaled, _pixels);
                Kernels.Map(default(Subtract), gradient, scaled, gradient, _pixels);
            }
        }

        return outputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var buffer in (ReadOnlySpan<RowBuffer<T>>)[_output, _sums, _factors, _terms, _scratch])
        {
            buffer.Dispose();
        }
    }

    private T* At(Matrix<T> matrix, int row, int channel) => matrix.RowPointer(row) + ((nint)channel * _pixels);

    /// <summary>The sum of the channels from first to last that exist, a chain from zero.</summary>
    private void AddChannels(Matrix<T> values, int row, int first, int last, T* sum)
    {
        new Span<T>(sum, _pixels).Clear();
        for (var c = Math.Max(first, 0); c <= Math.Min(last, _channels - 1); c++)
        {
            Kernels.AddInPlace(sum, At(values, row, c), _pixels);
        }
    }
}

/// <summary><c>fma(x, scale, shift)</c></summary>
internal readonly struct FusedScale<TElement>(TElement scale, TElement shift) : IUnaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => TLanes.MultiplyAdd(
            x,
            TLanes.Create(System.Runtime.CompilerServices.Unsafe.BitCast<TElement, T>(scale)),
            TLanes.Create(System.Runtime.CompilerServices.Unsafe.BitCast<TElement, T>(shift)));
}

/// <summary><c>exp(exponent · ln x)</c></summary>
internal readonly struct NegativePower<TElement>(TElement exponent) : IUnaryOperator
    where TElement : unmanaged
{
    public TLanes Invoke<TLanes, T>(TLanes x)
        where TLanes : unmanaged, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TLanes.Exp(TLanes.Create(System.Runtime.CompilerServices.Unsafe.BitCast<TElement, T>(exponent)) * TLanes.Log(x));
}
