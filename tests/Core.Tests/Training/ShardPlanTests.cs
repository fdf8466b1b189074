using CsCheck;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class ShardPlanTests
{
    [Fact]
    public void Positions_AllShardsOfABatch_PartitionItEvenly() =>
        Gen.Select(Gen.Int[1, 100], Gen.Int[0, 1_000]).Sample((shardCount, sampleCount) =>
        {
            var shards = Enumerable.Range(0, shardCount)
                .Select(shard => ShardPlan.Positions(shard, shard + 1, shardCount, sampleCount).GetOffsetAndLength(sampleCount))
                .ToArray();
            Assert.Equal(Enumerable.Range(0, sampleCount), shards.SelectMany(shard => Enumerable.Range(shard.Offset, shard.Length)));
            Assert.All(shards, shard => Assert.InRange(shard.Length, sampleCount / shardCount, (sampleCount - 1) / shardCount + 1));
            Assert.Equal(shards.Select(shard => shard.Length),
                Enumerable.Range(0, shardCount).Select(shard => ShardPlan.Count(shard, shardCount, sampleCount)));
        });

    [Fact]
    public void Start_ProductAbove32Bits_DoesNotOverflow() =>
        Assert.Equal(int.MaxValue - 1, ShardPlan.Start(int.MaxValue - 1, int.MaxValue, int.MaxValue));

    [Fact]
    public void Positions_OneHundredSamplesInEightShards_AreTheDocumentedOnes() =>
        Assert.Equal([0, 12, 25, 37, 50, 62, 75, 87, 100], Enumerable.Range(0, 9).Select(shard => ShardPlan.Start(shard, 8, 100)));

    [Theory]
    [InlineData(-1, 8, 100)]
    [InlineData(9, 8, 100)]
    [InlineData(0, 0, 100)]
    [InlineData(0, 8, -1)]
    public void Start_ArgumentOutsideItsRange_Throws(int shard, int shardCount, int sampleCount) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ShardPlan.Start(shard, shardCount, sampleCount));
}
