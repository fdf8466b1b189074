using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>The specification of convolutions: the orders of docs/determinism.md written out by hand, with values that round differently in any other.</summary>
public sealed unsafe class ReferenceConvolutionTests
{
    private static readonly ReferenceKernels<float> Kernels = new();

    /// <summary>One channel of 3 × 3, windows of 2 × 2 with stride 2 and padding 1: output (oy, ox) sees rows 2·oy − 1 and 2·oy.</summary>
    private static readonly ImageWindows Windows = new(1, 3, 3, 2, 2, 2, 1);

    private static readonly float[] Image = [1e8f, 3f, -1e8f, 1 / 3f, 7f, 1e-3f, -5e7f, 1e8f, 2.1e8f];
    private static readonly float[] Weight = [0.1f, 1.3f, -0.7f, 1 / 3f];

    [Fact]
    public void Convolution_PaddedCorner_IsOneFusedChainOverKyKxThenTheBias()
    {
        using var input = GuardedBuffer.OfRows(Image, 1, 9, out var x);
        using var output = GuardedBuffer.OfRows([], 1, 4, out var y);
        using var weight = GuardedBuffer.Of(Weight);
        using var bias = GuardedBuffer.Of([1e-3f]);
        using var workspace = Kernels.CreateConvolution(Windows, 1);
        Kernels.Convolution(x, weight.Pointer, bias.Pointer, workspace, y);

        // Output (1, 1) sees elements 4, 5, 7 and 8; output (0, 1) padding twice, then 1 and 2.
        Assert.Equal(Chain(Weight[0], Image[4], Weight[1], Image[5], Weight[2], Image[7], Weight[3], Image[8]) + 1e-3f, y.Row(0)[3]);
        Assert.Equal(Chain(Weight[0], 0, Weight[1], 0, Weight[2], Image[1], Weight[3], Image[2]) + 1e-3f, y.Row(0)[1]);
        Assert.NotEqual(Chain(Weight[3], Image[8], Weight[2], Image[7], Weight[1], Image[5], Weight[0], Image[4]) + 1e-3f, y.Row(0)[3]);
    }

    [Fact]
    public void Convolution_InfiniteWeightOnPadding_IsNaN()
    {
        // Zeros outside the image take part: they are multiplied like any other.
        using var input = GuardedBuffer.OfRows(Image, 1, 9, out var x);
        using var output = GuardedBuffer.OfRows([], 1, 4, out var y);
        using var weight = GuardedBuffer.Of([float.PositiveInfinity, 1, 1, 1]);
        using var workspace = Kernels.CreateConvolution(Windows, 1);
        Kernels.Convolution(x, weight.Pointer, null, workspace, y);
        Assert.True(float.IsNaN(y.Row(0)[0]));
        Assert.Equal(float.PositiveInfinity, y.Row(0)[3]);
    }

    [Fact]
    public void ConvolutionInputGradient_Stride2_IsOneFusedChainOverFiltersAndTheTapsThatExist()
    {
        // Two filters, windows of 3 × 1 with stride 2 over a column of 5: input row 2 is seen by window 1 with ky 0 and by window 0 with ky 2.
        var w = new ImageWindows(1, 5, 1, 3, 1, 2, 0);
        float[] gradient = [7f, 1 / 3f, -1e8f, 2.7e8f];
        float[] weight = [0.1f, 1.3f, -0.7f, 1 / 3f, 1.1f, 0.9f];
        using var gradientMemory = GuardedBuffer.OfRows(gradient, 1, 4, out var dy);
        using var result = GuardedBuffer.OfRows([], 1, 5, out var dx);
        using var weightMemory = GuardedBuffer.Of(weight);
        using var workspace = Kernels.CreateConvolution(w, 2);
        Kernels.ConvolutionInputGradient(dy, weightMemory.Pointer, workspace, dx);

        Assert.Equal(Chain(weight[0], gradient[1], weight[2], gradient[0], weight[3], gradient[3], weight[5], gradient[2]), dx.Row(0)[2]);
        Assert.NotEqual(Chain(weight[5], gradient[2], weight[3], gradient[3], weight[2], gradient[0], weight[0], gradient[1]), dx.Row(0)[2]);
        Assert.Equal(Chain(weight[1], gradient[0], weight[4], gradient[2]), dx.Row(0)[1]);
    }

    [Fact]
    public void ConvolutionWeightGradient_SixShardsOfOneSample_IsAChainOverPixelsFoldedAsFourAndTwo()
    {
        // The last pixel's terms are large and cancel between shards, the others are small.
        float[] last = [1e8f, 1f, -1e8f, 1f, 5f, 1f];
        var images = Enumerable.Range(0, 6 * 9).Select(i => i % 9 == 8 ? 1f : 0.01f * (i % 7)).ToArray();
        var gradients = Enumerable.Range(0, 6 * 4).Select(i => i % 4 == 3 ? last[i / 4] : 0.1f * (i % 5)).ToArray();
        using var input = GuardedBuffer.OfRows(images, 6, 9, out var x);
        using var gradientMemory = GuardedBuffer.OfRows(gradients, 6, 4, out var dy);
        using var result = new GuardedBuffer(4);
        using var workspace = Kernels.CreateConvolution(Windows, 1);
        var buffer = result.Pointer;
        Kernels.ConvolutionWeightGradient(dy, x, workspace, new FoldPlan(6, new ShardRange(0, 6), 6), &buffer, 0);

        // Tap (1, 1) sees elements (0, 0), (0, 2), (2, 0) and (2, 2).
        var sums = Enumerable.Range(0, 6).Select(n => Chain(
            gradients[(n * 4) + 0],
            images[(n * 9) + 0],
            gradients[(n * 4) + 1],
            images[(n * 9) + 2],
            gradients[(n * 4) + 2],
            images[(n * 9) + 6],
            gradients[(n * 4) + 3],
            images[(n * 9) + 8])).ToArray();
        var expected = (sums[0] + sums[1] + (sums[2] + sums[3])) + (sums[4] + sums[5]);
        Assert.Equal(expected, result.Values[3]);
        Assert.NotEqual(sums.Aggregate((sum, value) => sum + value), expected);
    }

    /// <summary>fma(a₃, b₃, fma(a₂, b₂, …)) from zero.</summary>
    private static float Chain(params ReadOnlySpan<float> factors)
    {
        var sum = 0f;
        for (var i = 0; i < factors.Length; i += 2)
        {
            sum = MathF.FusedMultiplyAdd(factors[i], factors[i + 1], sum);
        }

        return sum;
    }
}
