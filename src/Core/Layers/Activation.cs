using System.IO.Hashing;
using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>What the derivative of an elementwise layer y = f(x) is told from, and whether it jumps.</summary>
[Flags]
public enum DerivativeKind
{
    /// <summary>From y; smooth.</summary>
    OfOutput = 0,

    /// <summary>From x.</summary>
    OfInput = 1,

    /// <summary>It jumps where x passes 0.</summary>
    HasKink = 2,
}

/// <summary>An elementwise layer y = f(x). Backward is ∂x = g(∂y, y), or g(∂y, x), in place.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <typeparam name="TForward">f.</typeparam>
/// <typeparam name="TBackward">g.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="shape">One sample's input and output.</param>
/// <param name="forward">f.</param>
/// <param name="backward">g.</param>
/// <param name="derivative">What g reads, and whether f has a kink.</param>
public sealed unsafe class Activation<T, TForward, TBackward>(
    Kernels<T> kernels, Shape shape, TForward forward, TBackward backward, DerivativeKind derivative)
    : Layer<T>(kernels, shape, shape), IRectifier
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TForward : struct, IUnaryOperator
    where TBackward : struct, IBinaryOperator
{
    private readonly RowBuffer<T> _buffer = new(shape.Size);
    private Matrix<T> _input;
    private Matrix<T> _output;
    private bool _inputIsRectified;
    private bool _gradientIsRectified;

    bool IRectifier.IsRectifier => typeof(TForward) == typeof(ReluForward) && typeof(TBackward) == typeof(ReluBackward);

    bool IRectifier.IsPassedOn => _inputIsRectified && _gradientIsRectified;

    void IRectifier.ExpectRectifiedInput() => _inputIsRectified = true;

    void IRectifier.ExpectRectifiedGradient() => _gradientIsRectified = true;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        _input = input;
        if (_inputIsRectified)
        {
            _output = input;
            return input;
        }

        _output = _buffer.Rows(input.Rows);
        // Whole rows with their padding: every element is on its own, and nobody reads the padding's.
        Kernels.Map(forward, input.Data, _output.Data, (nint)input.Rows * input.Stride);
        return _output;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        if (_gradientIsRectified)
        {
            return outputGradient;
        }

        var read = derivative.HasFlag(DerivativeKind.OfInput) ? _input : _output;
        Kernels.Map(backward, outputGradient.Data, read.Data, outputGradient.Data, (nint)outputGradient.Rows * outputGradient.Stride);
        return outputGradient;
    }

    /// <inheritdoc/>
    public override void AppendBranches(XxHash128 branches)
    {
        if (!derivative.HasFlag(DerivativeKind.HasKink))
        {
            return;
        }

        var sides = new byte[_input.Columns];
        for (var row = 0; row < _input.Rows; row++)
        {
            var values = _input.Row(row);
            for (var i = 0; i < sides.Length; i++)
            {
                sides[i] = values[i] > T.Zero ? (byte)1 : (byte)0;
            }

            branches.Append(sides);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _buffer.Dispose();
}
