using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>The mean of each channel (Lin et al. 2013, "Network in Network"; PyTorch's AdaptiveAvgPool2d(1)): x is (C, H, W) per row, y is (C, 1, 1).</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class GlobalAveragePooling<T>(Kernels<T> kernels, Shape image) : Layer<T>(kernels, image, new Shape(image[0], 1, 1))
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(image[0]);
    private readonly RowBuffer<T> _inputGradient = new(image.Size);

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        var output = _output.Rows(input.Rows);
        Kernels.GlobalAveragePool(input, InputShape[0], output);
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
        Kernels.GlobalAveragePoolGradient(outputGradient, InputShape[0], inputGradient);
        return inputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _output.Dispose();
        _inputGradient.Dispose();
    }
}
