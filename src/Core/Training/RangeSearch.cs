using System.Numerics;

namespace DistTrain.Core.Training;

/// <summary>
/// Halves the interval in which the shortest time of a round lies, by asking of a time whether the workers can cover all shards within it.
/// </summary>
/// <remarks>
/// The workers take ranges one after the other. How far they come together is kept per alignment: the farthest shard reached that is a multiple of
/// 2^j, for each j, because a start that is farther but less aligned may cost the next worker more nodes than it spares shards.
/// </remarks>
internal sealed class RangeSearch
{
    /// <summary>The search ends when the shortest time is known to this part of itself: far less than makes a change of the cut worth while.</summary>
    private const double Precision = 0.002;
    private const int MaximumHalvings = 40;

    private readonly int _shardCount;
    private readonly WorkerSpeed[] _speeds;
    private readonly int _levels;

    // Per worker (row 0: before the first) and alignment: the end reached, and the alignment of the start in the row before.
    private readonly int[] _ends;
    private readonly int[] _from;

    /// <summary>A search.</summary>
    /// <param name="shardCount">S ≥ 1.</param>
    /// <param name="speeds">Per worker, all known.</param>
    public RangeSearch(int shardCount, WorkerSpeed[] speeds)
    {
        _shardCount = shardCount;
        _speeds = speeds;
        _levels = BitOperations.Log2((uint)shardCount) + 1;
        _ends = new int[(speeds.Length + 1) * _levels];
        _from = new int[_ends.Length];
    }

    /// <summary>Replaces the cut by the best one found, if any is better.</summary>
    /// <param name="ranges">A cut.</param>
    /// <param name="seconds">Its time.</param>
    public void Improve(Span<ShardRange> ranges, ref double seconds)
    {
        var found = new ShardRange[ranges.Length];
        var impossible = 0d;
        for (var i = 0; i < MaximumHalvings && seconds - impossible > seconds * Precision; i++)
        {
            var middle = impossible + ((seconds - impossible) / 2);
            if (!IsPossible(middle, found))
            {
                impossible = middle;
                continue;
            }

            var reached = RangeRules.Longest(_shardCount, _speeds, found);
            if (reached >= seconds)
            {
                return;
            }

            found.CopyTo(ranges);
            seconds = reached;
        }
    }

    private bool IsPossible(double seconds, ShardRange[] found)
    {
        for (var worker = 0; worker < _speeds.Length; worker++)
        {
            if (Advance(worker, seconds) is { } level)
            {
                Trace(worker, level, found);
                return true;
            }
        }

        return false;
    }

    /// <summary>From every start of the row before, as far as the worker comes in time. Returns the alignment of the start from which it came to the end.</summary>
    private int? Advance(int worker, double seconds)
    {
        var starts = _ends.AsSpan(worker * _levels, _levels);
        var ends = _ends.AsSpan((worker + 1) * _levels, _levels);
        var from = _from.AsSpan((worker + 1) * _levels, _levels);
        starts.CopyTo(ends);
        for (var level = 0; level < _levels; level++)
        {
            from[level] = level;
        }

        for (var level = 0; level < _levels; level++)
        {
            // The same start may be the farthest of several alignments.
            if (level > 0 && starts[level] == starts[level - 1])
            {
                continue;
            }

            if (_speeds[worker].Seconds(_shardCount, new ShardRange(starts[level], _shardCount)) <= seconds)
            {
                return level;
            }

            Reach(starts[level], level, _speeds[worker], seconds, ends, from);
        }

        return null;
    }

    /// <summary>
    /// A range's nodes grow from its start up to the shard of the highest alignment, and shrink from there on. So: for each such turn, the farthest end
    /// is found bit by bit from the highest, a set bit being one more node.
    /// </summary>
    private void Reach(int start, int startLevel, in WorkerSpeed speed, double seconds, Span<int> ends, Span<int> from)
    {
        var turn = start;
        var budget = seconds - speed.FixedSeconds;
        while (budget > 0)
        {
            var end = turn;
            var left = budget;
            var level = turn == 0 ? _levels : Math.Min(_levels, BitOperations.TrailingZeroCount(turn));
            while (--level >= 0)
            {
                var cost = ((1 << level) * speed.SecondsPerShard) + speed.SecondsPerNode;
                if (cost <= left && end + (1 << level) <= _shardCount)
                {
                    left -= cost;
                    end += 1 << level;
                }

                if (end > ends[level])
                {
                    (ends[level], from[level]) = (end, startLevel);
                }
            }

            if (turn == 0 || turn + (turn & -turn) > _shardCount)
            {
                return;
            }

            budget -= ((turn & -turn) * speed.SecondsPerShard) + speed.SecondsPerNode;
            turn += turn & -turn;
            if (budget >= 0)
            {
                Note(turn, startLevel, ends, from);
            }
        }
    }

    private void Note(int end, int startLevel, Span<int> ends, Span<int> from)
    {
        for (var level = Math.Min(_levels - 1, BitOperations.TrailingZeroCount(end)); level >= 0 && end > ends[level]; level--)
        {
            (ends[level], from[level]) = (end, startLevel);
        }
    }

    /// <summary>The ranges that led to the end; workers after the last one get none.</summary>
    private void Trace(int lastWorker, int level, ShardRange[] found)
    {
        var end = _shardCount;
        for (var worker = found.Length - 1; worker >= 0; worker--)
        {
            if (worker > lastWorker)
            {
                found[worker] = new ShardRange(end, end);
                continue;
            }

            var start = _ends[(worker * _levels) + level];
            found[worker] = new ShardRange(start, end);
            end = start;
            level = _from[(worker * _levels) + level];
        }
    }
}
