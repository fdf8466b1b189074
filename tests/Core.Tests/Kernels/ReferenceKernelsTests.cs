using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>The specification itself: the orders of DESIGN's section 5 written out by hand, with values that round differently in any other.</summary>
public sealed unsafe class ReferenceKernelsTests
{
    private static readonly ReferenceKernels<float> Kernels = new();

    [Fact]
    public void Product_ThreeTerms_IsOneFusedChainAscendingThenTheBias()
    {
        // 3 · (1 / 3) in one rounding differs from two; 1e8 first or last differs too.
        using var left = GuardedBuffer.OfRows([1e8f, 3f, -1e8f], 1, 3, out var a);
        using var weight = GuardedBuffer.Of([1f, 1 / 3f, 1f]);
        using var bias = GuardedBuffer.Of([1e-3f]);
        using var result = GuardedBuffer.OfRows([], 1, 1, out var c);
        using var operand = Kernels.CreateOperand(3, 1);
        Kernels.Pack(weight.Pointer, 1, operand);
        Kernels.Product(a, operand, bias.Pointer, c);

        var chain = MathF.FusedMultiplyAdd(1e8f, 1f, 0f);
        chain = MathF.FusedMultiplyAdd(3f, 1 / 3f, chain);
        chain = MathF.FusedMultiplyAdd(-1e8f, 1f, chain);
        Assert.Equal(chain + 1e-3f, c.Row(0)[0]);
        Assert.NotEqual(1f + 1e-3f, c.Row(0)[0]);
    }

    [Fact]
    public void FoldedSums_SixShardsOfOneRow_FoldAsFourAndTwo()
    {
        float[] rows = [1e8f, 1f, -1e8f, 1f, 5f, 1f];
        var expected = ((rows[0] + rows[1]) + (rows[2] + rows[3])) + (rows[4] + rows[5]);
        Assert.NotEqual(rows.Aggregate((sum, x) => sum + x), expected);

        var plan = new FoldPlan(6, new ShardRange(0, 6), 6);
        using var left = GuardedBuffer.OfRows(rows, 6, 1, out var a);
        using var ones = GuardedBuffer.OfRows([1, 1, 1, 1, 1, 1], 6, 1, out var b);
        using var result = new GuardedBuffer(2);
        var buffer = result.Pointer;
        Kernels.FoldedProduct(a, b, plan, &buffer, 0);
        Kernels.FoldedColumnSums(a, plan, &buffer, 1);
        Assert.Equal([expected, expected], result.Values.ToArray());
    }

    [Fact]
    public void RowSum_TwentyElements_IsSixteenLanesFoldedByHalves()
    {
        var x = Floats.Random(5, 20);
        var lanes = Enumerable.Range(0, 16).Select(j => j < 4 ? x[j] + x[j + 16] : x[j]).ToArray();
        foreach (var half in new[] { 8, 4, 2, 1 })
        {
            lanes = [.. Enumerable.Range(0, half).Select(j => lanes[j] + lanes[j + half])];
        }

        Assert.Equal(lanes[0], ReferenceKernels<float>.RowSum(x));
        Assert.NotEqual(x.Aggregate((sum, value) => sum + value), lanes[0]);
    }

    [Fact]
    public void SoftmaxCrossEntropy_NaNAnywhere_GivesALossOfNaN()
    {
        for (var place = 0; place < 3; place++)
        {
            float[] values = [1, 2, 3];
            values[place] = float.NaN;
            using var memory = GuardedBuffer.OfRows(values, 1, 3, out var scores);
            using var losses = new GuardedBuffer(1);
            Kernels.SoftmaxCrossEntropy(scores, [1], losses.Pointer, toGradient: true);
            Assert.True(float.IsNaN(losses.Values[0]));
        }
    }
}
