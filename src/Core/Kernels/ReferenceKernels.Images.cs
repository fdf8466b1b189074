using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Kernels;

/// <content>Convolution, pooling and sums by channel.</content>
public sealed unsafe partial class ReferenceKernels<T>
{
    /// <inheritdoc/>
    public override ConvolutionWorkspace<T> CreateConvolution(ImageWindows windows, int filters) => new PlainWorkspace(windows, filters);

    /// <inheritdoc/>
    public override void Convolution(
        Matrix<T> input, T* weight, T* bias, ConvolutionWorkspace<T> workspace, Matrix<T> output, bool rectify = false)
    {
        var pixels = workspace.Windows.OutputPixels;
        var taps = new T[workspace.Taps];
        for (var n = 0; n < output.Rows; n++)
        {
            for (var pixel = 0; pixel < pixels; pixel++)
            {
                InputTaps(input.Row(n), workspace.Windows, pixel, taps);
                for (var f = 0; f < workspace.Filters; f++)
                {
                    var sum = T.Zero;
                    for (var k = 0; k < taps.Length; k++)
                    {
                        sum = T.FusedMultiplyAdd(weight[(f * taps.Length) + k], taps[k], sum);
                    }

                    sum = bias is null ? sum : sum + bias[f];
                    output.Row(n)[(f * pixels) + pixel] = rectify && sum <= T.Zero ? T.Zero : sum;
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void ConvolutionWeightGradient(
        Matrix<T> outputGradient, Matrix<T> input, ConvolutionWorkspace<T> workspace, FoldPlan plan, T** nodeBuffers, int offset, int firstRow = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(firstRow, 0);
        ArgumentOutOfRangeException.ThrowIfNotEqual(outputGradient.Rows, plan.RowCount);
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            var bounds = plan.Nodes[i].RowBounds;
            var sum = FoldTensors(0, bounds.Length - 1, ShardSum);
            sum.CopyTo(new Span<T>(nodeBuffers[i] + offset, sum.Length));

            T[] ShardSum(int shard)
            {
                var sums = new T[workspace.Filters * workspace.Taps];
                for (var n = bounds[shard]; n < bounds[shard + 1]; n++)
                {
                    AddWeightGradient(outputGradient.Row(n), input.Row(n), workspace, sums);
                }

                return sums;
            }
        }
    }

    /// <inheritdoc/>
    public override int? RowsAtOnce(int columns) => null;

    /// <inheritdoc/>
    public override void ConvolutionInputGradient(
        Matrix<T> outputGradient, T* weight, ConvolutionWorkspace<T> workspace, Matrix<T> inputGradient, Matrix<T> rectified = default)
    {
        var w = workspace.Windows;
        var taps = new List<(int Weight, T Gradient)>();
        for (var n = 0; n < inputGradient.Rows; n++)
        {
            for (var pixel = 0; pixel < w.InputPixels; pixel++)
            {
                OutputTaps(outputGradient.Row(n), workspace, pixel, taps);
                for (var c = 0; c < w.Channels; c++)
                {
                    var sum = T.Zero;
                    foreach (var (first, gradient) in taps)
                    {
                        sum = T.FusedMultiplyAdd(weight[first + (c * w.WindowSize)], gradient, sum);
                    }

                    var at = (c * w.InputPixels) + pixel;
                    inputGradient.Row(n)[at] = !rectified.IsEmpty && rectified.Row(n)[at] <= T.Zero ? T.Zero : sum;
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void ChannelSums(Matrix<T> a, int channels, Matrix<T> sums)
    {
        var pixels = a.Columns / channels;
        for (var n = 0; n < a.Rows; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                sums.Row(n)[c] = RowSum(a.Row(n).Slice(c * pixels, pixels));
            }
        }
    }

    /// <inheritdoc/>
    public override void ChannelDots(Matrix<T> a, Matrix<T> b, int channels, Matrix<T> sums)
    {
        var pixels = a.Columns / channels;
        for (var n = 0; n < a.Rows; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                sums.Row(n)[c] = RowDot(a.Row(n).Slice(c * pixels, pixels), b.Row(n).Slice(c * pixels, pixels));
            }
        }
    }

    /// <summary>As <see cref="RowSum"/>, each product fused into its lane.</summary>
    internal static T RowDot(ReadOnlySpan<T> x, ReadOnlySpan<T> y)
    {
        var lanes = stackalloc T[SumLanes];
        new Span<T>(lanes, SumLanes).Clear();
        for (var n = 0; n < x.Length; n++)
        {
            lanes[n % SumLanes] = T.FusedMultiplyAdd(x[n], y[n], lanes[n % SumLanes]);
        }

        return FoldLanes(lanes);
    }

    /// <summary>One sample's terms, added to the chains: (oy, ox) ascending.</summary>
    private static void AddWeightGradient(ReadOnlySpan<T> outputGradient, ReadOnlySpan<T> input, ConvolutionWorkspace<T> workspace, T[] sums)
    {
        var pixels = workspace.Windows.OutputPixels;
        var taps = new T[workspace.Taps];
        for (var pixel = 0; pixel < pixels; pixel++)
        {
            InputTaps(input, workspace.Windows, pixel, taps);
            for (var f = 0; f < workspace.Filters; f++)
            {
                var gradient = outputGradient[(f * pixels) + pixel];
                for (var k = 0; k < taps.Length; k++)
                {
                    ref var sum = ref sums[(f * taps.Length) + k];
                    sum = T.FusedMultiplyAdd(gradient, taps[k], sum);
                }
            }
        }
    }

    /// <summary>What the taps (channel, ky, kx) of an output pixel see; zero outside the image.</summary>
    private static void InputTaps(ReadOnlySpan<T> image, ImageWindows w, int pixel, Span<T> taps)
    {
        for (var k = 0; k < taps.Length; k++)
        {
            var (channel, tap) = Math.DivRem(k, w.WindowSize);
            var y = (pixel / w.OutputWidth * w.Stride) - w.Padding + (tap / w.KernelWidth);
            var x = (pixel % w.OutputWidth * w.Stride) - w.Padding + (tap % w.KernelWidth);
            taps[k] = y >= 0 && y < w.Height && x >= 0 && x < w.Width ? image[(((channel * w.Height) + y) * w.Width) + x] : T.Zero;
        }
    }

    /// <summary>
    /// The taps (filter, ky, kx) by which windows, or such as would be outside of the output, see an input pixel: where its weight for channel 0 is,
    /// and the output element, zero outside.
    /// </summary>
    private static void OutputTaps(ReadOnlySpan<T> output, ConvolutionWorkspace<T> workspace, int pixel, List<(int Weight, T Gradient)> taps)
    {
        var w = workspace.Windows;
        taps.Clear();
        for (var k = 0; k < workspace.Filters * w.WindowSize; k++)
        {
            var (f, tap) = Math.DivRem(k, w.WindowSize);
            var (y, yRest) = Math.DivRem((pixel / w.Width) + w.Padding - (tap / w.KernelWidth), w.Stride);
            var (x, xRest) = Math.DivRem((pixel % w.Width) + w.Padding - (tap % w.KernelWidth), w.Stride);
            if (yRest == 0 && xRest == 0)
            {
                var isInside = y >= 0 && y < w.OutputHeight && x >= 0 && x < w.OutputWidth;
                taps.Add((
                    (f * workspace.Taps) + tap,
                    isInside ? output[(((f * w.OutputHeight) + y) * w.OutputWidth) + x] : T.Zero));
            }
        }
    }

    private static T[] FoldTensors(int start, int count, Func<int, T[]> shardSum)
    {
        if (count == 1)
        {
            return shardSum(start);
        }

        var left = ReductionTree.LeftCount(count);
        var sums = FoldTensors(start, left, shardSum);
        var right = FoldTensors(start + left, count - left, shardSum);
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] += right[i];
        }

        return sums;
    }

    private sealed class PlainWorkspace(ImageWindows windows, int filters) : ConvolutionWorkspace<T>(windows, filters);
}
