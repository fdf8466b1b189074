using System.Numerics;

namespace DistTrain.Core.Training;

/// <summary>A half-open range of shards <c>[Start, End)</c>.</summary>
/// <param name="Start">The first shard.</param>
/// <param name="End">One past the last shard.</param>
public readonly record struct ShardRange(int Start, int End)
{
    /// <summary>The number of shards.</summary>
    public int Count => End - Start;

    /// <summary>True if <paramref name="other"/> lies wholly inside.</summary>
    public bool Contains(ShardRange other) => other.Start >= Start && other.End <= End;

    /// <summary>As mathematics writes it.</summary>
    public override string ToString() => $"[{Start}, {End})";
}

/// <summary>
/// The canonical binary tree over shards <c>[0, S)</c>: the left child of a node over n shards takes the largest power of two below n.
/// Every sum over samples follows it, whoever computes it and in whatever order the parts arrive.
/// </summary>
public static class ReductionTree
{
    /// <summary>How many shards of a node over <paramref name="count"/> (at least 2) go to its left child.</summary>
    public static int LeftCount(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        return 1 << BitOperations.Log2((uint)(count - 1));
    }

    /// <summary>True if <paramref name="range"/> is a node of the tree over <paramref name="shardCount"/> shards.</summary>
    public static bool IsNode(int shardCount, ShardRange range)
    {
        if (range.Start < 0 || range.End > shardCount || range.Count < 1)
        {
            return false;
        }

        var node = new ShardRange(0, shardCount);
        while (node != range)
        {
            var (left, right) = Children(node);
            if (left.Contains(range))
            {
                node = left;
            }
            else if (right.Contains(range))
            {
                node = right;
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The two children of a node over at least two shards.</summary>
    public static (ShardRange Left, ShardRange Right) Children(ShardRange node)
    {
        var middle = node.Start + LeftCount(node.Count);
        return (new ShardRange(node.Start, middle), new ShardRange(middle, node.End));
    }

    /// <summary>The parent of a node other than the root, and the node's sibling.</summary>
    /// <exception cref="ArgumentException"><paramref name="node"/> is the root or no node of this tree.</exception>
    public static (ShardRange Parent, ShardRange Sibling) ParentOf(int shardCount, ShardRange node)
    {
        var parent = new ShardRange(0, shardCount);
        while (parent.Count > 1 && parent.Contains(node))
        {
            var (left, right) = Children(parent);
            if (left == node)
            {
                return (parent, right);
            }

            if (right == node)
            {
                return (parent, left);
            }

            parent = left.Contains(node) ? left : right;
        }

        throw new ArgumentException($"{node} has no parent in the tree over {shardCount} shards.", nameof(node));
    }

    /// <summary>The largest nodes that together cover <paramref name="range"/>, ascending.</summary>
    public static IReadOnlyList<ShardRange> Cover(int shardCount, ShardRange range)
    {
        var nodes = new List<ShardRange>();
        AddCover(shardCount, range, nodes);
        return nodes;
    }

    /// <summary>Adds the largest nodes that together cover <paramref name="range"/>, ascending, to a list.</summary>
    public static void AddCover(int shardCount, ShardRange range, List<ShardRange> nodes)
    {
        if (range.Start < 0 || range.End > shardCount || range.Count < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(range), $"{range} is no range of shards in [0, {shardCount}).");
        }

        AddCover(new ShardRange(0, shardCount), range, nodes);
    }

    /// <summary>How many nodes <see cref="Cover"/> gives, without the list; 0 for an empty range inside the tree.</summary>
    public static int CoverCount(int shardCount, ShardRange range)
    {
        if (range.Start < 0 || range.End > shardCount || range.Count < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(range), $"{range} is no range of shards in [0, {shardCount}).");
        }

        // The nodes are [i·2^j, (i+1)·2^j), cut off at the last shard: a range up to there may take one that reaches beyond.
        var count = 0;
        for (long start = range.Start; start < range.End; count++)
        {
            var left = (range.End == shardCount ? long.MaxValue : range.End) - start;
            var fitting = 1L << BitOperations.Log2((ulong)left);
            var aligned = start == 0 ? fitting : start & -start;
            start += Math.Min(aligned, fitting);
        }

        return count;
    }

    private static void AddCover(ShardRange node, ShardRange range, List<ShardRange> nodes)
    {
        if (node.End <= range.Start || node.Start >= range.End)
        {
            return;
        }

        if (range.Contains(node))
        {
            nodes.Add(node);
            return;
        }

        var (left, right) = Children(node);
        AddCover(left, range, nodes);
        AddCover(right, range, nodes);
    }
}
