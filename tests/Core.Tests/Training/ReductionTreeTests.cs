using System.Numerics;
using CsCheck;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class ReductionTreeTests
{
    private static readonly Gen<(int ShardCount, ShardRange Range)> Ranges =
        from shardCount in Gen.OneOf(Gen.Int[1, 40], Gen.Int[1, RunSpec.MaximumShardCount])
        from start in Gen.Int[0, shardCount - 1]
        from end in Gen.Int[start + 1, shardCount]
        select (shardCount, new ShardRange(start, end));

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    [InlineData(5, 4)]
    [InlineData(8, 4)]
    [InlineData(9, 8)]
    [InlineData(4096, 2048)]
    [InlineData(4097, 4096)]
    [InlineData(int.MaxValue, 1 << 30)]
    public void LeftCount_Count_IsTheLargestPowerOfTwoBelow(int count, int expected)
    {
        Assert.Equal(expected, ReductionTree.LeftCount(count));
        Assert.True(BitOperations.IsPow2(expected) && expected < count && 2L * expected >= count);
    }

    [Fact]
    public void Cover_SixShards_IsAsDrawn()
    {
        // [0, 6) = ([0, 4) = ([0, 2), [2, 4)), [4, 6))
        AssertCover(6, new(0, 6), new ShardRange(0, 6));
        AssertCover(6, new(1, 6), new(1, 2), new(2, 4), new(4, 6));
        AssertCover(6, new(0, 5), new(0, 4), new(4, 5));
        AssertCover(6, new(2, 5), new(2, 4), new(4, 5));
        AssertCover(5, new(3, 5), new(3, 4), new(4, 5));

        static void AssertCover(int shardCount, ShardRange range, params ShardRange[] expected) =>
            Assert.Equal(expected, ReductionTree.Cover(shardCount, range));
    }

    [Fact]
    public void Cover_AnyRange_IsExactAscendingAndMadeOfTheLargestNodes() => Ranges.Sample((shardCount, range) =>
    {
        var nodes = ReductionTree.Cover(shardCount, range);
        Assert.Equal(range.Start, nodes[0].Start);
        Assert.Equal(range.End, nodes[^1].End);
        Assert.All(nodes.Zip(nodes.Skip(1)), pair => Assert.Equal(pair.First.End, pair.Second.Start));
        Assert.All(nodes, node => Assert.True(ReductionTree.IsNode(shardCount, node)));
        // Largest: no node's parent fits into the range. Nodes nest or are apart, so this is also the fewest.
        Assert.All(nodes, node => Assert.True(node.Count == shardCount || !range.Contains(ReductionTree.ParentOf(shardCount, node).Parent)));
    });

    [Fact]
    public void CoverCount_AnyRange_IsTheCountOfCover() => Ranges.Sample((shardCount, range) =>
    {
        Assert.Equal(ReductionTree.Cover(shardCount, range).Count, ReductionTree.CoverCount(shardCount, range));
        Assert.Equal(0, ReductionTree.CoverCount(shardCount, new ShardRange(range.End, range.End)));
    });

    [Fact]
    public void ParentOf_EveryNode_InvertsChildren() => Gen.Int[1, 300].Sample(shardCount =>
    {
        var count = 0;
        Visit(new ShardRange(0, shardCount));
        Assert.Equal((2 * shardCount) - 1, count);

        void Visit(ShardRange node)
        {
            count++;
            Assert.True(ReductionTree.IsNode(shardCount, node));
            if (node.Count == 1)
            {
                return;
            }

            var (left, right) = ReductionTree.Children(node);
            Assert.Equal((node.Start, left.End, node.End), (left.Start, right.Start, right.End));
            Assert.Equal((node, right), ReductionTree.ParentOf(shardCount, left));
            Assert.Equal((node, left), ReductionTree.ParentOf(shardCount, right));
            Visit(left);
            Visit(right);
        }
    });

    [Fact]
    public void IsNode_AnyRange_IsTrueIfItsCoverIsItself() => Ranges.Sample((shardCount, range) =>
        Assert.Equal(ReductionTree.Cover(shardCount, range).Count == 1, ReductionTree.IsNode(shardCount, range)));

    [Theory]
    [InlineData(0, 9)]
    [InlineData(-1, 1)]
    [InlineData(3, 3)]
    [InlineData(4, 2)]
    public void AllMethods_RangeOutsideTheTree_AreRefused(int start, int end)
    {
        var range = new ShardRange(start, end);
        Assert.False(ReductionTree.IsNode(8, range));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionTree.Cover(8, range));
        Assert.Throws<ArgumentException>(() => ReductionTree.ParentOf(8, range));
    }

    [Fact]
    public void ParentOf_RootOrNoNode_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => ReductionTree.ParentOf(8, new ShardRange(0, 8)));
        Assert.Throws<ArgumentException>(() => ReductionTree.ParentOf(8, new ShardRange(1, 3)));
        Assert.Throws<ArgumentException>(() => ReductionTree.ParentOf(1, new ShardRange(0, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionTree.LeftCount(1));
    }
}
