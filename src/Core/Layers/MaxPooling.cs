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
        var output = _output.Rows(input.Rows);
        _largest = output;
        _winners = _winnerBuffer.Rows(input.Rows);
        Kernels.MaxPool(input, windows, output, _winners);
        return output;
    }

    /// <inheritdoc/>
    public override unsafe Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        if (_inputIsRectified)
        {
            // Of a window only its largest element gets a gradient, and that is what the window gave: so the rectifier's derivative can be
            // taken here, where there are fewer elements.
            Kernels.Map(
                default(ReluBackward), outputGradient.Data, _largest.Data, outputGradient.Data, (nint)outputGradient.Rows * outputGradient.Stride);
        }

        var inputGradient = _inputGradient.Rows(outputGradient.Rows);
        Kernels.MaxPoolGradient(outputGradient, _winners, windows, inputGradient);
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
