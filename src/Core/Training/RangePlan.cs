namespace DistTrain.Core.Training;

/// <summary>Who computes which shards of the next round: kept from round to round until members change, or speeds make another cut much better.</summary>
internal sealed class RangePlan
{
    private readonly Dictionary<int, ShardRange[]> _byShardCount = [];
    private readonly HashSet<int> _toReconsider = [];

    /// <summary>The members are others than before.</summary>
    public void Forget() => _byShardCount.Clear();

    /// <summary>Speeds are others than before.</summary>
    public void Reconsider() => _toReconsider.UnionWith(_byShardCount.Keys);

    /// <summary>One range per member, in order; empty ones for those who get none.</summary>
    public ReadOnlySpan<ShardRange> For(int shardCount, List<Member> members)
    {
        if (_byShardCount.TryGetValue(shardCount, out var ranges) && !_toReconsider.Contains(shardCount))
        {
            return ranges;
        }

        var speeds = members.ConvertAll(member => member.Speed).ToArray();
        if (ranges is null)
        {
            ranges = new ShardRange[members.Count];
            RangeRules.Cut(shardCount, speeds, ranges);
            _byShardCount.Add(shardCount, ranges);
        }
        else
        {
            var proposed = new ShardRange[members.Count];
            RangeRules.Cut(shardCount, speeds, proposed);
            if (RangeRules.IsWorthChanging(RangeRules.PredictedSeconds(shardCount, speeds, ranges), RangeRules.PredictedSeconds(shardCount, speeds, proposed)))
            {
                _byShardCount[shardCount] = ranges = proposed;
            }
        }

        _toReconsider.Remove(shardCount);
        return ranges;
    }
}
