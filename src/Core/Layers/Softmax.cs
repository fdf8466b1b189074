using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// Softmax over a sample (the book's section 3.5): <c>p = exp(x − max x) / Σ exp(x − max x)</c>, <c>∂x = (∂y − Σ(∂y · p)) · p</c>; both sums are row sums.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class Softmax<T>(Kernels<T> kernels, Shape shape) : Layer<T>(kernels, shape, shape)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(shape.Size);
    private readonly RowBuffer<T> _scalars = new(1);
    private byte[] _labels = [];
    private Matrix<T> _probabilities;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        _probabilities = _output.Rows(input.Rows);
        if (_labels.Length < input.Rows)
        {
            _labels = new byte[input.Rows];
        }

        for (var row = 0; row < input.Rows; row++)
        {
            input.Row(row).CopyTo(_probabilities.Row(row));
        }

        // The loss that comes with it is nobody's.
        Kernels.SoftmaxCrossEntropy(_probabilities, _labels.AsSpan(0, input.Rows), _scalars.Rows(input.Rows).Data, toGradient: false);
        return _probabilities;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        var dots = _scalars.Rows(outputGradient.Rows);
        Kernels.ChannelDots(outputGradient, _probabilities, 1, dots);
        for (var row = 0; row < outputGradient.Rows; row++)
        {
            var gradient = outputGradient.RowPointer(row);
            var probabilities = _probabilities.RowPointer(row);
            Kernels.Map(new SubtractConstantThenMultiply<T>(dots.Row(row)[0]), gradient, probabilities, gradient, outputGradient.Columns);
        }

        return outputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _output.Dispose();
        _scalars.Dispose();
    }
}
