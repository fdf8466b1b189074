using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

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
    /// <returns>(rows, classes): ∂(loss sum)/∂scores.</returns>
    public Matrix<T> Forward(Matrix<T> scores, ReadOnlySpan<byte> labels)
    {
        var gradient = _gradient.Rows(scores.Rows);
        new ReadOnlySpan<T>(scores.Data, checked(scores.Rows * scores.Stride)).CopyTo(new Span<T>(gradient.Data, scores.Rows * gradient.Stride));
        Losses = new Matrix<T>(_losses.Rows((scores.Rows + RowLayout.Granularity - 1) / RowLayout.Granularity).Data, scores.Rows, 1, 1);
        Compute(gradient, labels, Losses.Data);
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
    protected abstract void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses);
}

/// <summary>The book's SoftmaxWithLoss (section 5.6.3), PyTorch's CrossEntropyLoss: −ln softmax(x)[label].</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class SoftmaxWithLoss<T>(Kernels<T> kernels, int classes) : Loss<T>(kernels, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses) =>
        Kernels.SoftmaxCrossEntropy(scoresToGradient, labels, losses, toGradient: true);
}

/// <summary>
/// PyTorch's MSELoss against the one-hot label: Σ (x − t)² / classes per sample. (The book's, section 4.2.1, is ½ Σ (x − t)².)
/// The sum runs over classes ascending, each square fused into it.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class MeanSquaredError<T>(Kernels<T> kernels, int classes) : Loss<T>(kernels, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses)
    {
        var count = T.CreateChecked(scoresToGradient.Columns);
        var scale = T.CreateChecked(2) / count;
        for (var m = 0; m < scoresToGradient.Rows; m++)
        {
            var row = scoresToGradient.Row(m);
            row[labels[m]] -= T.One;
            var sum = T.Zero;
            foreach (ref var difference in row)
            {
                sum = T.FusedMultiplyAdd(difference, difference, sum);
                difference *= scale;
            }

            losses[m] = sum / count;
        }
    }
}
