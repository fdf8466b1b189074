using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Losses;

/// <summary>What training minimises: the mean over samples of a loss per sample. Works on sums; the mean is taken once, at the update.</summary>
/// <typeparam name="T">The element type.</typeparam>
public abstract unsafe class Loss<T>(Kernels<T> kernels, int classes) : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _gradient = new(classes);
    private readonly RowBuffer<T> _losses = new(1);

    /// <summary>What the loss computes with.</summary>
    protected Kernels<T> Kernels { get; } = kernels;

    /// <summary>The loss of each sample of the last forward pass, one per row.</summary>
    public Matrix<T> Losses { get; private set; }

    /// <summary>The loss per sample, and the gradient of their sum.</summary>
    /// <param name="scores">(rows, classes): the network's output; unchanged.</param>
    /// <param name="labels">One per row.</param>
    /// <param name="isTraining">Whether a backward pass follows; regularisation, such as label smoothing, takes no part in an evaluation.</param>
    /// <returns>(rows, classes): ∂(loss sum)/∂scores.</returns>
    public Matrix<T> Forward(Matrix<T> scores, ReadOnlySpan<byte> labels, bool isTraining)
    {
        var gradient = _gradient.Rows(scores.Rows);
        new ReadOnlySpan<T>(scores.Data, checked(scores.Rows * scores.Stride)).CopyTo(new Span<T>(gradient.Data, scores.Rows * gradient.Stride));
        Losses = new Matrix<T>(_losses.Rows((scores.Rows + RowLayout.Granularity - 1) / RowLayout.Granularity).Data, scores.Rows, 1, 1);
        Compute(gradient, labels, Losses.Data, isTraining);
        return gradient;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gradient.Dispose();
        _losses.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Replaces scores by the gradient and fills in the losses.</summary>
    protected abstract void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses, bool isTraining);
}
