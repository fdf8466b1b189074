namespace DistTrain.Core.Training;

/// <summary>Who computes which shards of the next round: kept from round to round until members or speeds change.</summary>
internal sealed class RangePlan
{
    private readonly Dictionary<int, ShardRange[]> _byShardCount = [];

    /// <summary>The members are others than before.</summary>
    public void Forget() => _byShardCount.Clear();

    /// <summary>One range per member, in order; empty ones for those who get none.</summary>
    public ReadOnlySpan<ShardRange> For(int shardCount, List<Member> members)
    {
        if (!_byShardCount.TryGetValue(shardCount, out var ranges))
        {
            ranges = new ShardRange[members.Count];
            var count = Math.Clamp(members.Count, 1, shardCount);
            for (var i = 0; i < ranges.Length; i++)
            {
                ranges[i] = i < count
                    ? new ShardRange(ShardPlan.Start(i, count, shardCount), ShardPlan.Start(i + 1, count, shardCount))
                    : new ShardRange(shardCount, shardCount);
            }

            _byShardCount.Add(shardCount, ranges);
        }

        return ranges;
    }
}
