using System.Runtime.Intrinsics;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <content>Convolution, pooling and sums by channel.</content>
public sealed unsafe partial class VectorKernels<TLanes>
{
    /// <summary>What one layer leaves in the second-level cache for the next.</summary>
    private const int BlockBytes = 256 * 1024;

    /// <inheritdoc/>
    public override ConvolutionWorkspace<float> CreateConvolution(ImageWindows windows, int filters) => new TapWorkspace<TLanes>(windows, filters);

    /// <inheritdoc/>
    public override void Convolution(
        Matrix<float> input, float* weight, float* bias, ConvolutionWorkspace<float> workspace, Matrix<float> output, bool rectify = false) =>
        ((TapWorkspace<TLanes>)workspace).Forward(input, weight, bias, output, rectify);

    /// <inheritdoc/>
    public override void ConvolutionWeightGradient(
        Matrix<float> outputGradient,
        Matrix<float> input,
        ConvolutionWorkspace<float> workspace,
        FoldPlan plan,
        float** nodeBuffers,
        int offset,
        int firstRow = 0) =>
        ((TapWorkspace<TLanes>)workspace).WeightGradient(outputGradient, input, plan, nodeBuffers, offset, firstRow);

    /// <inheritdoc/>
    public override int? RowsAtOnce(int columns) => Math.Max(1, BlockBytes / sizeof(float) / columns);

    /// <inheritdoc/>
    public override void ConvolutionInputGradient(
        Matrix<float> outputGradient,
        float* weight,
        ConvolutionWorkspace<float> workspace,
        Matrix<float> inputGradient,
        Matrix<float> rectified = default) =>
        ((TapWorkspace<TLanes>)workspace).InputGradient(outputGradient, weight, inputGradient, rectified);

    /// <inheritdoc/>
    public override void ChannelSums(Matrix<float> a, int channels, Matrix<float> sums)
    {
        var pixels = a.Columns / channels;
        for (var n = 0; n < a.Rows; n++)
        {
            var from = a.Data + ((nint)n * a.Stride);
            var to = sums.Data + ((nint)n * sums.Stride);
            if (pixels == 1)
            {
                AddZero(from, to, channels);
                continue;
            }

            for (var c = 0; c < channels; c++)
            {
                to[c] = RowSum(from + ((nint)c * pixels), pixels);
            }
        }
    }

    /// <inheritdoc/>
    public override void ChannelDots(Matrix<float> a, Matrix<float> b, int channels, Matrix<float> sums)
    {
        var pixels = a.Columns / channels;
        for (var n = 0; n < a.Rows; n++)
        {
            var x = a.Data + ((nint)n * a.Stride);
            var y = b.Data + ((nint)n * b.Stride);
            var to = sums.Data + ((nint)n * sums.Stride);
            if (pixels == 1)
            {
                AddProductToZero(x, y, to, channels);
                continue;
            }

            for (var c = 0; c < channels; c++)
            {
                to[c] = RowDot(x + ((nint)c * pixels), y + ((nint)c * pixels), pixels);
            }
        }
    }

    /// <inheritdoc/>
    public override void MaxPool(Matrix<float> input, ImageWindows windows, Matrix<float> output, Matrix<float> winners)
    {
        for (var n = 0; n < input.Rows; n++)
        {
            var image = input.Data + ((nint)n * input.Stride);
            var pooled = output.Data + ((nint)n * output.Stride);
            var winner = winners.Data + ((nint)n * winners.Stride);
            for (var c = 0; c < windows.Channels; c++)
            {
                if (PoolingOfPairs.Fits(windows))
                {
                    PoolingOfPairs.Max(image, windows, pooled, winner);
                }
                else
                {
                    PoolingOfWindows.Max(image, windows, pooled, winner);
                }

                image += windows.InputPixels;
                pooled += windows.OutputPixels;
                winner += windows.OutputPixels;
            }
        }
    }

    /// <inheritdoc/>
    public override void MaxPoolGradient(Matrix<float> outputGradient, Matrix<float> winners, ImageWindows windows, Matrix<float> inputGradient)
    {
        for (var n = 0; n < outputGradient.Rows; n++)
        {
            var pooled = outputGradient.Data + ((nint)n * outputGradient.Stride);
            var winner = winners.Data + ((nint)n * winners.Stride);
            var image = inputGradient.Data + ((nint)n * inputGradient.Stride);
            for (var c = 0; c < windows.Channels; c++)
            {
                if (PoolingOfPairs.Fits(windows))
                {
                    PoolingOfPairs.MaxGradient(pooled, winner, windows, image);
                }
                else
                {
                    PoolingOfWindows.MaxGradient(pooled, winner, windows, image);
                }

                image += windows.InputPixels;
                pooled += windows.OutputPixels;
                winner += windows.OutputPixels;
            }
        }
    }

    /// <inheritdoc/>
    public override void AveragePool(Matrix<float> input, ImageWindows windows, Matrix<float> output)
    {
        for (var n = 0; n < input.Rows; n++)
        {
            var image = input.Data + ((nint)n * input.Stride);
            var pooled = output.Data + ((nint)n * output.Stride);
            for (var c = 0; c < windows.Channels; c++, image += windows.InputPixels, pooled += windows.OutputPixels)
            {
                if (PoolingOfPairs.Fits(windows))
                {
                    PoolingOfPairs.Average(image, windows, pooled);
                }
                else
                {
                    PoolingOfWindows.Average(image, windows, pooled);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void AveragePoolGradient(Matrix<float> outputGradient, ImageWindows windows, Matrix<float> inputGradient)
    {
        for (var n = 0; n < outputGradient.Rows; n++)
        {
            var pooled = outputGradient.Data + ((nint)n * outputGradient.Stride);
            var image = inputGradient.Data + ((nint)n * inputGradient.Stride);
            for (var c = 0; c < windows.Channels; c++, image += windows.InputPixels, pooled += windows.OutputPixels)
            {
                if (PoolingOfPairs.Fits(windows))
                {
                    PoolingOfPairs.AverageGradient(pooled, windows, image);
                }
                else
                {
                    PoolingOfWindows.AverageGradient(pooled, windows, image);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void GlobalAveragePool(Matrix<float> input, int channels, Matrix<float> output)
    {
        ChannelSums(input, channels, output);
        for (var n = 0; n < output.Rows; n++)
        {
            Divide(output.Data + ((nint)n * output.Stride), channels, input.Columns / channels);
        }
    }

    /// <inheritdoc/>
    public override void GlobalAveragePoolGradient(Matrix<float> outputGradient, int channels, Matrix<float> inputGradient)
    {
        var pixels = inputGradient.Columns / channels;
        for (var n = 0; n < outputGradient.Rows; n++)
        {
            var from = outputGradient.Row(n);
            var to = inputGradient.Row(n);
            for (var c = 0; c < channels; c++)
            {
                to.Slice(c * pixels, pixels).Fill(from[c] / pixels);
            }
        }
    }

    /// <summary><c>output[i] = +0 + x[i]</c>: the row sum of one element.</summary>
    private static void AddZero(float* x, float* output, int count)
    {
        var i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(TLanes.Zero + TLanes.Load(x + i), output + i);
        }

        for (; i < count; i++)
        {
            output[i] = 0f + x[i];
        }
    }

    /// <summary><c>output[i] = fma(x[i], y[i], +0) + 0</c>: the row dot product of one element, which adds the other lanes' zeros.</summary>
    private static void AddProductToZero(float* x, float* y, float* output, int count)
    {
        var i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(TLanes.MultiplyAdd(TLanes.Load(x + i), TLanes.Load(y + i), TLanes.Zero) + TLanes.Zero, output + i);
        }

        for (; i < count; i++)
        {
            output[i] = MathF.FusedMultiplyAdd(x[i], y[i], 0f) + 0f;
        }
    }

    private static float RowSum(float* x, int count)
    {
        var lanes = stackalloc float[SumLanes];
        var whole = count / SumLanes * SumLanes;
        for (var lane = 0; lane < SumLanes; lane += TLanes.Count)
        {
            var sum = TLanes.Zero;
            for (var i = lane; i < whole; i += SumLanes)
            {
                sum += TLanes.Load(x + i);
            }

            TLanes.Store(sum, lanes + lane);
        }

        for (var i = whole; i < count; i++)
        {
            lanes[i - whole] += x[i];
        }

        return FoldLanes(lanes);
    }

    private static float RowDot(float* x, float* y, int count)
    {
        var lanes = stackalloc float[SumLanes];
        var whole = count / SumLanes * SumLanes;
        for (var lane = 0; lane < SumLanes; lane += TLanes.Count)
        {
            var sum = TLanes.Zero;
            for (var i = lane; i < whole; i += SumLanes)
            {
                sum = TLanes.MultiplyAdd(TLanes.Load(x + i), TLanes.Load(y + i), sum);
            }

            TLanes.Store(sum, lanes + lane);
        }

        for (var i = whole; i < count; i++)
        {
            lanes[i - whole] = MathF.FusedMultiplyAdd(x[i], y[i], lanes[i - whole]);
        }

        return FoldLanes(lanes);
    }

    /// <summary>+8, +4, +2, +1.</summary>
    private static float FoldLanes(float* lanes)
    {
        var eight = Vector256.Load(lanes) + Vector256.Load(lanes + 8);
        var four = eight.GetLower() + eight.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two[0] + two[1];
    }
}
