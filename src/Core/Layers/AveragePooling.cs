using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// PyTorch's AvgPool2d: the mean of each window, padding counted as zeros (its <c>count_include_pad=True</c>). x is (C, H, W) per row, y is
/// (C, oH, oW).
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class AveragePooling<T>(Kernels<T> kernels, ImageWindows windows)
    : Layer<T>(
        kernels,
        new Shape(windows.Channels, windows.Height, windows.Width),
        new Shape(windows.Channels, windows.OutputHeight, windows.OutputWidth))
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(windows.Channels * windows.OutputPixels);
    private readonly RowBuffer<T> _inputGradient = new(windows.Channels * windows.InputPixels);

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        var output = _output.Rows(input.Rows);
        Kernels.AveragePool(input, windows, output);
        return output;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        var inputGradient = _inputGradient.Rows(outputGradient.Rows);
        Kernels.AveragePoolGradient(outputGradient, windows, inputGradient);
        return inputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _output.Dispose();
        _inputGradient.Dispose();
    }
}
