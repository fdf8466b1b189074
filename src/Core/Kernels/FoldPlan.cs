using DistTrain.Core.Training;

namespace DistTrain.Core.Kernels;

/// <summary>
/// How the rows of a matrix belong to shards, and which nodes of the reduction tree their sums are wanted for. Sums over samples are one
/// chain per shard, rows ascending, folded over each node along <see cref="ReductionTree"/>.
/// </summary>
public sealed class FoldPlan
{
    /// <summary>The plan for the shards of <paramref name="range"/>, whose samples are the matrix' rows, first shard first.</summary>
    /// <param name="shardCount">S, the shards of the whole batch.</param>
    /// <param name="range">The shards that the rows belong to.</param>
    /// <param name="sampleCount">The samples of the whole batch.</param>
    public FoldPlan(int shardCount, ShardRange range, int sampleCount)
    {
        ShardCount = shardCount;
        Range = range;
        SampleCount = sampleCount;
        FirstPosition = ShardPlan.Start(range.Start, shardCount, sampleCount);
        Nodes = [.. ReductionTree.Cover(shardCount, range).Select(node => new FoldNode(node, Bounds(node)))];
        RowCount = ShardPlan.Start(range.End, shardCount, sampleCount) - FirstPosition;

        int[] Bounds(ShardRange node)
        {
            var bounds = new int[node.Count + 1];
            for (var i = 0; i <= node.Count; i++)
            {
                bounds[i] = ShardPlan.Start(node.Start + i, shardCount, sampleCount) - FirstPosition;
            }

            return bounds;
        }
    }

    /// <summary>S, the shards of the whole batch.</summary>
    public int ShardCount { get; }

    /// <summary>The shards that the rows belong to.</summary>
    public ShardRange Range { get; }

    /// <summary>The samples of the whole batch.</summary>
    public int SampleCount { get; }

    /// <summary>The position in the batch of row 0.</summary>
    public int FirstPosition { get; }

    /// <summary>The number of rows.</summary>
    public int RowCount { get; }

    /// <summary>The largest tree nodes of the range, ascending.</summary>
    public IReadOnlyList<FoldNode> Nodes { get; }
}

/// <summary>One node whose sum is wanted.</summary>
/// <param name="Shards">The shards it covers.</param>
/// <param name="RowBounds">Shard i of the node has rows <c>[RowBounds[i], RowBounds[i + 1])</c>.</param>
public sealed record FoldNode(ShardRange Shards, int[] RowBounds)
{
    /// <summary>The node's first row.</summary>
    public int FirstRow => RowBounds[0];

    /// <summary>One past the node's last row.</summary>
    public int EndRow => RowBounds[^1];
}
