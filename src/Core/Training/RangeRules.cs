namespace DistTrain.Core.Training;

/// <summary>
/// Where a round is cut into one contiguous range per worker, so that the slowest of them is done as early as may be. Pure and deterministic.
/// A worker counts with what its shards take to compute and its tree nodes to send, so a range that is one node is preferred.
/// </summary>
public static class RangeRules
{
    /// <summary>A new cut must be predicted to take less than this part of the old one's time: below it, change costs more than it gains.</summary>
    private const double WorthChanging = 0.9;

    /// <summary>What a node costs before any has been measured, in shards: little, so that it decides between cuts that are otherwise alike.</summary>
    private const double UnmeasuredNodeInShards = 0.25;

    /// <summary>Cuts <c>[0, shardCount)</c>: ranges ascend in the order of the workers, touch, and cover all. One may be empty.</summary>
    /// <remarks>
    /// Never predicted slower than the equal cut. A worker that could take shards without making the round longer is not left without, unless there are
    /// fewer shards than workers. The search keeps few candidates per worker, so it is close to the best cut, not always the best.
    /// O(W·log³S + S·log S); 1,024 workers and 4,096 shards take some tens of milliseconds.
    /// </remarks>
    /// <param name="shardCount">S ≥ 1.</param>
    /// <param name="speeds">One per worker, W ≥ 1. What is unknown is taken as the mean of what is known; all unknown is all equal.</param>
    /// <param name="ranges">Receives one range per worker.</param>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static void Cut(int shardCount, ReadOnlySpan<WorkerSpeed> speeds, Span<ShardRange> ranges)
    {
        RequireRanges(shardCount, speeds, ranges.Length);
        var known = WithoutUnknowns(speeds);
        CutEqually(shardCount, ranges);
        var seconds = Longest(shardCount, known, ranges);
        new RangeSearch(shardCount, known).Improve(ranges, ref seconds);
        RangeBalance.FillEmpty(shardCount, known, ranges, seconds);
        RangeBalance.Align(shardCount, known, ranges, seconds);
    }

    /// <summary>The predicted time of a round: that of its slowest worker.</summary>
    /// <param name="shardCount">S ≥ 1.</param>
    /// <param name="speeds">As for <see cref="Cut"/>; without any known, in units of a shard.</param>
    /// <param name="ranges">One per worker.</param>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static double PredictedSeconds(int shardCount, ReadOnlySpan<WorkerSpeed> speeds, ReadOnlySpan<ShardRange> ranges)
    {
        RequireRanges(shardCount, speeds, ranges.Length);
        return Longest(shardCount, WithoutUnknowns(speeds), ranges);
    }

    /// <summary>Whether a cut of <paramref name="proposed"/> predicted seconds is so much better than one of <paramref name="current"/> that it replaces it.</summary>
    public static bool IsWorthChanging(double current, double proposed) => proposed < current * WorthChanging;

    /// <summary>The cut for workers of whom nothing is known: ranges differ by at most one shard; workers beyond S get none.</summary>
    public static void CutEqually(int shardCount, Span<ShardRange> ranges)
    {
        var parts = Math.Min(ranges.Length, shardCount);
        for (var i = 0; i < ranges.Length; i++)
        {
            var (part, next) = (Math.Min(i, parts), Math.Min(i + 1, parts));
            ranges[i] = new ShardRange(ShardPlan.Start(part, parts, shardCount), ShardPlan.Start(next, parts, shardCount));
        }
    }

    /// <summary>The time of the slowest worker, all speeds being known.</summary>
    internal static double Longest(int shardCount, ReadOnlySpan<WorkerSpeed> known, ReadOnlySpan<ShardRange> ranges)
    {
        var longest = 0d;
        for (var i = 0; i < ranges.Length; i++)
        {
            longest = Math.Max(longest, known[i].Seconds(shardCount, ranges[i]));
        }

        return longest;
    }

    private static void RequireRanges(int shardCount, ReadOnlySpan<WorkerSpeed> speeds, int rangeCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shardCount);
        if (speeds.Length != rangeCount || rangeCount == 0)
        {
            throw new ArgumentException($"There must be one range per worker and at least one, but there are {speeds.Length} speeds and {rangeCount} ranges.", nameof(speeds));
        }
    }

    private static WorkerSpeed[] WithoutUnknowns(ReadOnlySpan<WorkerSpeed> speeds)
    {
        var (shard, node, rest) = (default(Mean), default(Mean), default(Mean));
        foreach (var speed in speeds)
        {
            shard.Add(speed.SecondsPerShard);
            node.Add(speed.SecondsPerNode);
            rest.Add(speed.FixedSeconds);
        }

        var perShard = shard.Or(1);
        var perNode = node.Or(perShard * UnmeasuredNodeInShards);
        var fixedSeconds = rest.Or(0);
        var known = new WorkerSpeed[speeds.Length];
        for (var i = 0; i < known.Length; i++)
        {
            var speed = speeds[i];
            known[i] = new WorkerSpeed(
                IsKnown(speed.SecondsPerShard) ? speed.SecondsPerShard : perShard,
                IsKnown(speed.SecondsPerNode) ? speed.SecondsPerNode : perNode,
                IsKnown(speed.FixedSeconds) ? speed.FixedSeconds : fixedSeconds);
        }

        return known;
    }

    private static bool IsKnown(double seconds) => double.IsFinite(seconds) && seconds > 0;

    private struct Mean
    {
        private double _sum;
        private int _count;

        public void Add(double seconds)
        {
            if (IsKnown(seconds))
            {
                _sum += seconds;
                _count++;
            }
        }

        public readonly double Or(double unknown) => _count > 0 ? _sum / _count : unknown;
    }
}
