using DistTrain.Core.Kernels;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>The norm's order, written out by hand, and every width in it.</summary>
public sealed unsafe class SumOfSquaresTests
{
    private const int Block = 4096;

    private static readonly int[] Lengths =
        [.. Enumerable.Range(0, 70), Block - 1, Block, Block + 1, (2 * Block) + 7, 3 * Block, (5 * Block) + 4095, (7 * Block) + 16];

    [Fact]
    public void Reference_AnyLength_IsLanesInBlocksInTheTree()
    {
        var kernels = new ReferenceKernels<float>();
        foreach (var length in Lengths)
        {
            using var values = GuardedBuffer.Of(Floats.Random(length, length));
            var blocks = values.Values.ToArray().Chunk(Block).Select(OfBlock).ToArray();
            Assert.Equal(Tree(blocks), kernels.SumOfSquares(values.Pointer, length));
        }
    }

    [Fact]
    public void AnyWidth_AnyLengthAndValues_HasTheReferencesBits()
    {
        var reference = new ReferenceKernels<float>();
        foreach (var length in Lengths)
        {
            using var values = GuardedBuffer.Of(Floats.Random(length, length), offset: length % 5);
            using var wild = GuardedBuffer.Of(Floats.Wild(length, length), offset: length % 3);
            foreach (var kernels in VectorKernels.All)
            {
                Assert.Equal(reference.SumOfSquares(values.Pointer, length), kernels.SumOfSquares(values.Pointer, length));
                Assert.Equal(reference.SumOfSquares(wild.Pointer, length), kernels.SumOfSquares(wild.Pointer, length));
            }
        }
    }

    /// <summary>What the test above compares with would differ in another order, so it can fail.</summary>
    [Fact]
    public void Order_OneChain_GivesOtherBits()
    {
        var values = Floats.Random(3, 3 * Block);
        Assert.NotEqual(values.Aggregate(0d, (sum, x) => sum + ((double)x * x)), Tree([.. values.Chunk(Block).Select(OfBlock)]));
    }

    [Fact]
    public void LargestFloats_DoNotOverflow()
    {
        using var values = GuardedBuffer.Of([.. Enumerable.Repeat(float.MaxValue, 5000)]);
        Assert.Equal(5000 * (double)float.MaxValue * float.MaxValue, VectorKernels.Best.SumOfSquares(values.Pointer, 5000), 1e68);
    }

    private static double OfBlock(float[] block)
    {
        var lanes = Enumerable.Range(0, 16).Select(j => block.Where((_, i) => i % 16 == j).Aggregate(0d, (sum, x) => sum + ((double)x * x))).ToArray();
        foreach (var half in new[] { 8, 4, 2, 1 })
        {
            lanes = [.. Enumerable.Range(0, half).Select(j => lanes[j] + lanes[j + half])];
        }

        return lanes[0];
    }

    /// <summary>The left child takes the largest power of two below their number.</summary>
    private static double Tree(double[] blocks)
    {
        if (blocks.Length < 2)
        {
            return blocks.Sum();
        }

        var left = 1;
        while (left * 2 < blocks.Length)
        {
            left *= 2;
        }

        return Tree(blocks[..left]) + Tree(blocks[left..]);
    }
}
