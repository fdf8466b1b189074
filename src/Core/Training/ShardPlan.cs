namespace DistTrain.Core.Training;

/// <summary>
/// Which samples of a step's batch each shard takes: shard i of S over n samples is the positions <c>[⌊i·n/S⌋, ⌊(i+1)·n/S⌋)</c>.
/// Shards differ in size by at most one sample, and are empty where n is below S.
/// </summary>
public static class ShardPlan
{
    /// <summary>The first position of a shard; for <paramref name="shard"/> = <paramref name="shardCount"/> the end of the last.</summary>
    /// <param name="shard">Shard index, from 0 to <paramref name="shardCount"/>.</param>
    /// <param name="shardCount">Shards per step, S ≥ 1.</param>
    /// <param name="sampleCount">Samples of the batch, n ≥ 0.</param>
    public static int Start(int shard, int shardCount, int sampleCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shardCount);
        ArgumentOutOfRangeException.ThrowIfNegative(shard);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(shard, shardCount);
        ArgumentOutOfRangeException.ThrowIfNegative(sampleCount);
        // i·n overflows 32 bits already at a batch of 60,000 and 40,000 shards.
        return (int)((long)shard * sampleCount / shardCount);
    }

    /// <summary>How many samples a shard has: 0 for an empty one.</summary>
    public static int Count(int shard, int shardCount, int sampleCount) =>
        Start(checked(shard + 1), shardCount, sampleCount) - Start(shard, shardCount, sampleCount);

    /// <summary>The positions, contiguous, of the shards [<paramref name="firstShard"/>, <paramref name="endShard"/>).</summary>
    public static Range Positions(int firstShard, int endShard, int shardCount, int sampleCount)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstShard, endShard);
        return Start(firstShard, shardCount, sampleCount)..Start(endShard, shardCount, sampleCount);
    }
}
