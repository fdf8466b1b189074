using CsCheck;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Kernels;

public sealed class FoldPlanTests
{
    [Fact]
    public void FoldPlan_AnyRange_GivesEachShardItsRowsInNodesOfTheCover() =>
        (from shardCount in Gen.Int[1, 60]
         from start in Gen.Int[0, shardCount - 1]
         from end in Gen.Int[start + 1, shardCount]
         from samples in Gen.Int[0, 200]
         select (shardCount, new ShardRange(start, end), samples)).Sample((shardCount, range, samples) =>
        {
            var plan = new FoldPlan(shardCount, range, samples);
            Assert.Equal(ReductionTree.Cover(shardCount, range), plan.Nodes.Select(node => node.Shards));
            Assert.Equal(ShardPlan.Positions(range.Start, range.End, shardCount, samples), plan.FirstPosition..(plan.FirstPosition + plan.RowCount));
            foreach (var node in plan.Nodes)
            {
                Assert.Equal(node.Shards.Count + 1, node.RowBounds.Length);
                for (var i = 0; i <= node.Shards.Count; i++)
                {
                    Assert.Equal(ShardPlan.Start(node.Shards.Start + i, shardCount, samples), plan.FirstPosition + node.RowBounds[i]);
                }
            }

            Assert.Equal((0, plan.RowCount), (plan.Nodes[0].FirstRow, plan.Nodes[^1].EndRow));
        });
}
