using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// A convolution and the pooling after it, a few samples at a time: what the one gives the other then comes from the cache, both ways, and never takes
/// room for a whole batch. The layers stay what they are; this only decides when they do what. A rectifier between them, all of whose work they do, is
/// left out: it knows nothing of the pass, nor of its branches (<see cref="Layer{T}.AppendBranches"/>), which only the gradient check asks for, whose kernels
/// never put layers together.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
internal sealed class PooledConvolution<T> : Layer<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Convolution<T> _convolution;
    private readonly MaxPooling<T> _pooling;
    private readonly int _rowsAtOnce;

    /// <summary>Puts two layers together.</summary>
    /// <param name="kernels">What they compute with.</param>
    /// <param name="convolution">The first; the caller disposes of it.</param>
    /// <param name="pooling">The second; the caller disposes of it.</param>
    /// <param name="rowsAtOnce">Samples at a time, at least 1.</param>
    public PooledConvolution(Kernels<T> kernels, Convolution<T> convolution, MaxPooling<T> pooling, int rowsAtOnce)
        : base(kernels, convolution.InputShape, pooling.OutputShape)
    {
        (_convolution, _pooling, _rowsAtOnce) = (convolution, pooling, rowsAtOnce);
    }

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        _convolution.Begin(input);
        var output = _pooling.Begin(input.Rows);
        for (var first = 0; first < input.Rows; first += _rowsAtOnce)
        {
            _pooling.ForwardRows(_convolution.ForwardRows(input.Slice(first, Math.Min(_rowsAtOnce, input.Rows - first))), first);
        }

        return output;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        // No rows are still one block: the gradients of no samples, zeros.
        for (var first = 0; first == 0 || first < outputGradient.Rows; first += _rowsAtOnce)
        {
            var gradient = _pooling.BackwardRows(outputGradient.Slice(first, Math.Min(_rowsAtOnce, outputGradient.Rows - first)), first);
            _convolution.BackwardRows(gradient, first, gradients, inputGradientWanted);
        }

        return _convolution.CompleteBackward(gradients, inputGradientWanted);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
