using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Losses;

/// <summary>
/// The book's SoftmaxWithLoss (section 5.6.3), PyTorch's CrossEntropyLoss: −ln softmax(x)[label]. With label smoothing ε (Szegedy et al. 2016) the
/// label's share is 1 − ε + ε/C and every other class' ε/C:
/// <c>loss = hard + ε · (x_label − Σx / C)</c>, <c>∂x = (p − onehot) + ε · (onehot − 1/C)</c>; Σx in the order of row sums.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class SoftmaxWithLoss<T>(Kernels<T> kernels, int classes, float labelSmoothing = 0) : Loss<T>(kernels, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private T[] _smooth = [];

    /// <inheritdoc/>
    protected override void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses, bool isTraining)
    {
        if (!isTraining || labelSmoothing == 0)
        {
            Kernels.SoftmaxCrossEntropy(scoresToGradient, labels, losses, toGradient: true);
            return;
        }

        if (_smooth.Length < scoresToGradient.Rows)
        {
            _smooth = new T[scoresToGradient.Rows];
        }

        var epsilon = T.CreateChecked(labelSmoothing);
        var count = T.CreateChecked(scoresToGradient.Columns);
        for (var m = 0; m < scoresToGradient.Rows; m++)
        {
            var row = scoresToGradient.Row(m);
            _smooth[m] = epsilon * (row[labels[m]] - (ReferenceKernels<T>.RowSum(row) / count));
        }

        Kernels.SoftmaxCrossEntropy(scoresToGradient, labels, losses, toGradient: true);
        var share = epsilon / count;
        for (var m = 0; m < scoresToGradient.Rows; m++)
        {
            losses[m] += _smooth[m];
            var row = scoresToGradient.Row(m);
            foreach (ref var gradient in row)
            {
                gradient -= share;
            }

            row[labels[m]] += epsilon;
        }
    }
}
