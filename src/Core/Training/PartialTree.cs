using DistTrain.Core.Kernels;

namespace DistTrain.Core.Training;

/// <summary>
/// Combines partials along the reduction tree, as soon as both children of a node are there and whatever the order they come in.
/// What remains are the largest nodes covered so far; the root, once everything is.
/// </summary>
/// <param name="kernels">For the sums.</param>
/// <param name="pool">Where right children go once they are added to the left ones.</param>
/// <param name="team">Threads to share the sums of two nodes; null for the caller's alone. No bit depends on it.</param>
public sealed unsafe class PartialTree(Kernels<float> kernels, PartialPool pool, ThreadTeam? team = null)
{
    private readonly LongBuffers _gradients = new(kernels, team);
    private readonly Dictionary<ShardRange, Partial> _nodes = [];
    private int _shardCount;

    /// <summary>Whether every sum since <see cref="Reset"/> is finite: then the root is, if all that was added was.</summary>
    public bool SumsAreFinite { get; private set; } = true;

    /// <summary>The largest nodes covered so far, in no particular order.</summary>
    public IReadOnlyCollection<Partial> Nodes => _nodes.Values;

    /// <summary>Empties the tree (its partials go back to the pool) and starts one over <paramref name="shardCount"/> shards.</summary>
    public void Reset(int shardCount)
    {
        foreach (var partial in _nodes.Values)
        {
            pool.Return(partial);
        }

        _nodes.Clear();
        _shardCount = shardCount;
        SumsAreFinite = true;
    }

    /// <summary>Takes over one partial and combines what can be combined.</summary>
    /// <exception cref="ArgumentException">Some of its shards are there already, or it is no node of this tree.</exception>
    public void Add(Partial partial)
    {
        if (!ReductionTree.IsNode(_shardCount, partial.Node))
        {
            throw new ArgumentException($"{partial.Node} is no node of the tree over {_shardCount} shards.", nameof(partial));
        }

        foreach (var present in _nodes.Keys)
        {
            if (present.Start < partial.Node.End && partial.Node.Start < present.End)
            {
                throw new ArgumentException($"Of {partial.Node}, {present} is there already: it would count twice.", nameof(partial));
            }
        }

        while (partial.Node.Count < _shardCount)
        {
            var (parent, sibling) = ReductionTree.ParentOf(_shardCount, partial.Node);
            if (!_nodes.Remove(sibling, out var other))
            {
                break;
            }

            partial = sibling.Start < partial.Node.Start ? Combine(other, partial, parent) : Combine(partial, other, parent);
        }

        _nodes.Add(partial.Node, partial);
    }

    /// <summary>Takes the root out, if it is complete.</summary>
    public Partial? TakeRoot() => _nodes.Remove(new ShardRange(0, _shardCount), out var root) ? root : null;

    /// <summary>Takes all nodes out, ascending.</summary>
    public void TakeAll(List<Partial> destination)
    {
        var first = destination.Count;
        destination.AddRange(_nodes.Values);
        destination.Sort(first, destination.Count - first, ByStart);
        _nodes.Clear();
    }

    private static readonly Comparer<Partial> ByStart = Comparer<Partial>.Create((x, y) => x.Node.Start.CompareTo(y.Node.Start));

    private Partial Combine(Partial left, Partial right, ShardRange parent)
    {
        SumsAreFinite &= _gradients.AddInPlace(left.Gradient.Pointer, right.Gradient.Pointer, pool.GradientLength);
        left.Node = parent;
        left.SampleCount += right.SampleCount;
        left.LossSum += right.LossSum;
        left.CorrectCount += right.CorrectCount;
        pool.Return(right);
        return left;
    }
}
