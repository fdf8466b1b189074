using System.IO.Hashing;
using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// Several paths from one input, their outputs one after the other along the channels, as in GoogLeNet's inception block (Szegedy et al. 2015).
/// Backward: ∂x is the sum of the paths', a chain in their order.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="input">One sample's input.</param>
/// <param name="output">One sample's output.</param>
/// <param name="paths">The paths, at least one, and how many elements of a sample each gives.</param>
public sealed unsafe class Parallel<T>(Kernels<T> kernels, Shape input, Shape output, IReadOnlyList<(LayerSequence<T> Path, int Size)> paths)
    : Layer<T>(kernels, input, output)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(output.Size);
    private readonly RowBuffer<T> _inputGradient = new(input.Size);
    private readonly RowBuffer<T>[] _gradients = [.. paths.Select(path => new RowBuffer<T>(path.Size))];

    /// <inheritdoc/>
    public override void UseParameters(T* parameters)
    {
        for (var i = 0; i < paths.Count; i++)
        {
            paths[i].Path.UseParameters(parameters);
        }
    }

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        var output = _output.Rows(input.Rows);
        var place = 0;
        for (var i = 0; i < paths.Count; i++)
        {
            var (path, size) = paths[i];
            var result = path.Forward(input, pass);
            for (var row = 0; row < output.Rows; row++)
            {
                result.Row(row).CopyTo(output.Row(row).Slice(place, size));
            }

            place += size;
        }

        return output;
    }

    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        var sum = inputGradientWanted ? _inputGradient.Rows(outputGradient.Rows) : default;
        var place = 0;
        for (var i = 0; i < paths.Count; i++)
        {
            var (path, size) = paths[i];
            var own = _gradients[i].Rows(outputGradient.Rows);
            for (var row = 0; row < own.Rows; row++)
            {
                outputGradient.Row(row).Slice(place, size).CopyTo(own.Row(row));
            }

            place += size;
            var gradient = path.Backward(own, gradients, inputGradientWanted);
            for (var row = 0; row < sum.Rows; row++)
            {
                if (i == 0)
                {
                    gradient.Row(row).CopyTo(sum.Row(row));
                }
                else
                {
                    Kernels.AddInPlace(sum.RowPointer(row), gradient.RowPointer(row), sum.Columns);
                }
            }
        }

        return sum;
    }

    /// <inheritdoc/>
    public override void AppendBranches(XxHash128 branches)
    {
        foreach (var (path, _) in paths)
        {
            path.AppendBranches(branches);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var (path, _) in paths)
        {
            path.Dispose();
        }

        foreach (var gradient in _gradients)
        {
            gradient.Dispose();
        }

        _output.Dispose();
        _inputGradient.Dispose();
    }
}
