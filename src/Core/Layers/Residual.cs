using System.IO.Hashing;
using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// A residual block (He et al. 2016): <c>y = main(x) + shortcut(x)</c>, the shortcut being x itself, or a projection where the shapes differ.
/// Backward: <c>∂x = ∂main + ∂shortcut</c>.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="input">One sample's input.</param>
/// <param name="output">One sample's output, of both paths.</param>
/// <param name="main">At least one layer.</param>
/// <param name="shortcut">Empty for x itself.</param>
public sealed unsafe class Residual<T>(Kernels<T> kernels, Shape input, Shape output, LayerSequence<T> main, LayerSequence<T> shortcut)
    : Layer<T>(kernels, input, output)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(output.Size);
    private readonly RowBuffer<T> _gradient = new(output.Size);

    /// <inheritdoc/>
    public override void UseParameters(T* parameters)
    {
        main.UseParameters(parameters);
        shortcut.UseParameters(parameters);
    }

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        var (left, right) = (main.Forward(input, pass), shortcut.Forward(input, pass));
        var sum = _output.Rows(input.Rows);
        for (var row = 0; row < sum.Rows; row++)
        {
            Kernels.Map(default(Add), left.RowPointer(row), right.RowPointer(row), sum.RowPointer(row), sum.Columns);
        }

        return sum;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        // Either path may overwrite the gradient it is given.
        var copy = _gradient.Rows(outputGradient.Rows);
        for (var row = 0; row < copy.Rows; row++)
        {
            outputGradient.Row(row).CopyTo(copy.Row(row));
        }

        var left = main.Backward(copy, gradients, inputGradientWanted);
        var right = shortcut.Backward(outputGradient, gradients, inputGradientWanted);
        for (var row = 0; inputGradientWanted && row < left.Rows; row++)
        {
            Kernels.AddInPlace(left.RowPointer(row), right.RowPointer(row), left.Columns);
        }

        return left;
    }

    /// <inheritdoc/>
    public override void AppendBranches(XxHash128 branches)
    {
        main.AppendBranches(branches);
        shortcut.AppendBranches(branches);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        main.Dispose();
        shortcut.Dispose();
        _output.Dispose();
        _gradient.Dispose();
    }

}
