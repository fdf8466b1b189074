namespace DistTrain.Core.Training;

/// <summary>Betters a cut where that does not make its round longer: no worker idle that could help, and fewer nodes.</summary>
internal static class RangeBalance
{
    /// <summary>Gives workers without shards some, by splitting a range near them and moving those in between by one worker.</summary>
    public static void FillEmpty(int shardCount, ReadOnlySpan<WorkerSpeed> speeds, Span<ShardRange> ranges, double seconds)
    {
        for (var worker = 0; worker < ranges.Length; worker++)
        {
            // What is filled may be another empty one on the way.
            while (ranges[worker].Count == 0
                && (FillFrom(-1, worker, shardCount, speeds, ranges, seconds) || FillFrom(+1, worker, shardCount, speeds, ranges, seconds)))
            {
            }
        }
    }

    /// <summary>Moves each border, within what both neighbours can take in time, to where they have the fewest nodes; among those to the best balance.</summary>
    public static void Align(int shardCount, ReadOnlySpan<WorkerSpeed> speeds, Span<ShardRange> ranges, double seconds)
    {
        for (var i = 0; i + 1 < ranges.Length; i++)
        {
            if (ranges[i].Count == 0 || ranges[i + 1].Count == 0)
            {
                continue;
            }

            var both = new ShardRange(ranges[i].Start, ranges[i + 1].End);
            var best = (Nodes: int.MaxValue, Seconds: double.PositiveInfinity);
            for (var border = both.Start + 1; border < both.End; border++)
            {
                var (left, right) = (new ShardRange(both.Start, border), new ShardRange(border, both.End));
                var longer = Math.Max(speeds[i].Seconds(shardCount, left), speeds[i + 1].Seconds(shardCount, right));
                var candidate = (ReductionTree.CoverCount(shardCount, left) + ReductionTree.CoverCount(shardCount, right), longer);
                if (longer <= seconds && candidate.CompareTo(best) < 0)
                {
                    best = candidate;
                    (ranges[i], ranges[i + 1]) = (left, right);
                }
            }
        }
    }

    private static bool FillFrom(int direction, int empty, int shardCount, ReadOnlySpan<WorkerSpeed> speeds, Span<ShardRange> ranges, double seconds)
    {
        for (var donor = empty + direction; donor >= 0 && donor < ranges.Length; donor += direction)
        {
            var taker = donor - direction;
            if (ranges[donor].Count > 1 && TrySplit(direction, donor, taker, shardCount, speeds, ranges[donor], seconds) is var (kept, given))
            {
                for (var i = empty; i != taker; i += direction)
                {
                    ranges[i] = ranges[i + direction];
                }

                (ranges[donor], ranges[taker]) = (kept, given);
                return true;
            }

            // Farther donors need this one's range to move on to the next worker.
            if (speeds[taker].Seconds(shardCount, ranges[donor]) > seconds)
            {
                return false;
            }
        }

        return false;
    }

    private static (ShardRange Kept, ShardRange Given)? TrySplit(
        int direction, int donor, int taker, int shardCount, ReadOnlySpan<WorkerSpeed> speeds, ShardRange range, double seconds)
    {
        (ShardRange, ShardRange)? best = null;
        var shortest = double.PositiveInfinity;
        for (var border = range.Start + 1; border < range.End; border++)
        {
            var (kept, given) = (new ShardRange(range.Start, border), new ShardRange(border, range.End));
            if (direction > 0)
            {
                (kept, given) = (given, kept);
            }

            var longer = Math.Max(speeds[donor].Seconds(shardCount, kept), speeds[taker].Seconds(shardCount, given));
            if (longer <= seconds && longer < shortest)
            {
                shortest = longer;
                best = (kept, given);
            }
        }

        return best;
    }
}
