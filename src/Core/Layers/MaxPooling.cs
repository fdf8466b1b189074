using System.IO.Hashing;
using System.Numerics;
using System.Runtime.InteropServices;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// The book's Pooling (section 7.4.4), PyTorch's MaxPool2d: the largest element of each window, the first of equal ones, which alone gets the
/// gradient. x is (C, H, W) per row, y is (C, oH, oW).
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class MaxPooling<T>(Kernels<T> kernels, ImageWindows windows)
    : Layer<T>(
        kernels,
        new Shape(windows.Channels, windows.Height, windows.Width),
        new Shape(windows.Channels, windows.OutputHeight, windows.OutputWidth)),
        IAppliesRectifierBefore
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(windows.Channels * windows.OutputPixels);
    private readonly RowBuffer<T> _winnerBuffer = new(windows.Channels * windows.OutputPixels);
    private readonly RowBuffer<T> _inputGradient = new(windows.Channels * windows.InputPixels);
    private Matrix<T> _winners;
    private Matrix<T> _largest;
    private bool _inputIsRectified;

    void IAppliesRectifierBefore.ApplyRectifierBefore() => _inputIsRectified = true;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        Begin(input.Rows);
        ForwardRows(input, 0);
        return _largest;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted) =>
        inputGradientWanted ? BackwardRows(outputGradient, 0) : default;

    /// <summary>A forward pass over so many rows begins; what it gives is filled by <see cref="ForwardRows"/>.</summary>
    internal Matrix<T> Begin(int rows)
    {
        _winners = _winnerBuffer.Rows(rows);
        return _largest = _output.Rows(rows);
    }

    /// <summary>The results for the rows from <paramref name="first"/> on.</summary>
    internal void ForwardRows(Matrix<T> input, int first) =>
        Kernels.MaxPool(input, windows, _largest.Slice(first, input.Rows), _winners.Slice(first, input.Rows));

    /// <summary>The gradient by the input of the rows from <paramref name="first"/> on, valid until the next call.</summary>
    internal unsafe Matrix<T> BackwardRows(Matrix<T> outputGradient, int first)
    {
        if (_inputIsRectified)
        {
            // Of a window only its largest element gets a gradient, and that is what the window gave: so the rectifier's derivative can be
            // taken here, where there are fewer elements.
            var largest = _largest.RowPointer(first);
            Kernels.Map(default(ReluBackward), outputGradient.Data, largest, outputGradient.Data, (nint)outputGradient.Rows * outputGradient.Stride);
        }

        var inputGradient = _inputGradient.Rows(outputGradient.Rows);
        Kernels.MaxPoolGradient(outputGradient, _winners.Slice(first, outputGradient.Rows), windows, inputGradient);
        return inputGradient;
    }

    /// <inheritdoc/>
    public override void AppendBranches(XxHash128 branches)
    {
        for (var row = 0; row < _winners.Rows; row++)
        {
            branches.Append(MemoryMarshal.AsBytes(_winners.Row(row)));
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _output.Dispose();
        _winnerBuffer.Dispose();
        _inputGradient.Dispose();
    }
}
