using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>The sums over one node of the reduction tree.</summary>
public sealed class Partial : IDisposable
{
    internal Partial(int gradientLength) => Gradient = new AlignedBuffer<float>(gradientLength);

    /// <summary>The shards it covers.</summary>
    public ShardRange Node { get; set; }

    /// <summary>How many samples they have.</summary>
    public int SampleCount { get; set; }

    /// <summary>The sum of the samples' losses.</summary>
    public double LossSum { get; set; }

    /// <summary>How many samples the network classified as labelled.</summary>
    public int CorrectCount { get; set; }

    /// <summary>The gradient of the loss sum, in the model's flat layout; empty in an evaluation.</summary>
    public AlignedBuffer<float> Gradient { get; }

    /// <inheritdoc/>
    public void Dispose() => Gradient.Dispose();
}

/// <summary>Partials to use again, so that a step allocates nothing. Thread-safe: network and training threads share it.</summary>
/// <param name="gradientLength">The elements of a gradient; 0 for evaluations.</param>
public sealed class PartialPool(int gradientLength) : IDisposable
{
    private readonly Stack<Partial> _free = new();
    private readonly Lock _gate = new();

    /// <summary>The elements of a gradient.</summary>
    public int GradientLength { get; } = gradientLength;

    /// <summary>A partial with unspecified content.</summary>
    public Partial Rent()
    {
        lock (_gate)
        {
            if (_free.TryPop(out var partial))
            {
                return partial;
            }
        }

        return new Partial(GradientLength);
    }

    /// <summary>Gives one back; the caller must not use it again.</summary>
    public void Return(Partial partial)
    {
        lock (_gate)
        {
            _free.Push(partial);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            while (_free.TryPop(out var partial))
            {
                partial.Dispose();
            }
        }
    }
}

/// <summary>The two pools of one process.</summary>
/// <param name="gradientLength">The elements of the model's gradient.</param>
public sealed class PartialPools(int gradientLength) : IDisposable
{
    /// <summary>For training rounds.</summary>
    public PartialPool Training { get; } = new(gradientLength);

    /// <summary>For evaluations: partials without gradients.</summary>
    public PartialPool Evaluation { get; } = new(0);

    /// <summary>The pool for a kind of round.</summary>
    public PartialPool For(RoundKind kind) => kind == RoundKind.Training ? Training : Evaluation;

    /// <inheritdoc/>
    public void Dispose()
    {
        Training.Dispose();
        Evaluation.Dispose();
    }
}

/// <summary>
/// Combines partials along the reduction tree, as soon as both children of a node are there and whatever the order they come in.
/// What remains are the largest nodes covered so far; the root, once everything is.
/// </summary>
/// <param name="kernels">For the sums.</param>
/// <param name="pool">Where right children go once they are added to the left ones.</param>
public sealed unsafe class PartialTree(Kernels<float> kernels, PartialPool pool)
{
    private readonly Dictionary<ShardRange, Partial> _nodes = [];
    private int _shardCount;

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
        kernels.AddInPlace(left.Gradient.Pointer, right.Gradient.Pointer, pool.GradientLength);
        left.Node = parent;
        left.SampleCount += right.SampleCount;
        left.LossSum += right.LossSum;
        left.CorrectCount += right.CorrectCount;
        pool.Return(right);
        return left;
    }
}
