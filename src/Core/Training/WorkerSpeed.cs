namespace DistTrain.Core.Training;

/// <summary>
/// What a lease costs on one worker: <c>FixedSeconds + shards·SecondsPerShard + nodes·SecondsPerNode</c>, and nothing without shards. Measured, so it
/// may be wrong without harm: it moves the borders between ranges, never a bit. NaN or 0 is "unknown".
/// </summary>
/// <param name="SecondsPerShard">To compute a shard.</param>
/// <param name="SecondsPerNode">To send the partial of a tree node.</param>
/// <param name="FixedSeconds">Apart from both: parameters, messages.</param>
public readonly record struct WorkerSpeed(double SecondsPerShard, double SecondsPerNode, double FixedSeconds)
{
    /// <summary>The time for <paramref name="range"/> of a round of <paramref name="shardCount"/> shards; 0 if it is empty.</summary>
    public double Seconds(int shardCount, ShardRange range) =>
        range.Count == 0 ? 0 : FixedSeconds + (range.Count * SecondsPerShard) + (ReductionTree.CoverCount(shardCount, range) * SecondsPerNode);
}
