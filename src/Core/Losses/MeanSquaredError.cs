using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Losses;

/// <summary>
/// PyTorch's MSELoss against the one-hot label: Σ (x − t)² / classes per sample. (The book's, section 4.2.1, is ½ Σ (x − t)².)
/// The sum runs over classes ascending, each square fused into it.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class MeanSquaredError<T>(Kernels<T> kernels, int classes) : Loss<T>(kernels, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    protected override void Compute(Matrix<T> scoresToGradient, ReadOnlySpan<byte> labels, T* losses, bool isTraining)
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
