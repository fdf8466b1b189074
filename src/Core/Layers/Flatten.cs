using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>An image as a plain vector, PyTorch's Flatten: the elements lie that way already, only the shape changes.</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class Flatten<T>(Kernels<T> kernels, Shape input) : Layer<T>(kernels, input, new Shape(input.Size))
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass) => input;

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted) =>
        inputGradientWanted ? outputGradient : default;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
