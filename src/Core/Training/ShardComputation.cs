using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>
/// The one path from parameters and samples to partials: the single process and every worker call this. Takes a contiguous range of shards
/// and yields the partials of the largest tree nodes in it. Its threads share the range; they change no bit, since they too only combine
/// along the tree.
/// </summary>
public sealed unsafe class ShardComputation : IDisposable
{
    /// <summary>
    /// Plans kept per thread: one each for whole and last batches and for the evaluation, times a few cuts. Where ranges keep changing, all are made anew
    /// now and then, which costs microseconds.
    /// </summary>
    private const int PlansPerThread = 64;

    private readonly ulong _seed;
    private readonly int _sampleSize;
    private readonly int _scoreCount;
    private readonly LongBuffers _gradients;
    private readonly ComputeThreadState[] _threads;
    private readonly PartialTree _gradientTree;
    private readonly PartialTree _evaluationTree;
    private readonly Dictionary<(int ShardCount, ShardRange Range, int SampleCount), FoldPlan> _plans = [];
    private readonly Action<int> _computeGradients;
    private readonly Action<int> _evaluate;
    private LabeledImages? _images;
    private int[] _order = [];
    private BatchPositions _batch;
    private IGradientProgress? _progress;

    /// <summary>For a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="kernels">What it computes with.</param>
    /// <param name="threads">At least 1.</param>
    /// <param name="pools">Where partials come from and go back to.</param>
    public ShardComputation(RunSpec run, Kernels<float> kernels, int threads, PartialPools pools)
        : this(run.Model, run.Seed, kernels, threads, pools, run.Augmentation)
    {
    }

    /// <summary>Builds one network per thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="seed">Of the random numbers inside of a step; an evaluation has none.</param>
    /// <param name="kernels">What it computes with.</param>
    /// <param name="threads">At least 1.</param>
    /// <param name="pools">Where partials come from and go back to.</param>
    /// <param name="augmentation">How the images of a step are moved; null for not at all.</param>
    public ShardComputation(
        ModelSpec model, ulong seed, Kernels<float> kernels, int threads, PartialPools pools, AugmentationSpec? augmentation = null)
    {
        _seed = seed;
        var shapes = model.Shapes();
        (_sampleSize, _scoreCount) = (shapes[0].Size, shapes[^1].Size);
        Pools = pools;
        Team = new ThreadTeam(threads);
        _gradients = new LongBuffers(kernels, Team);
        _threads = [.. Enumerable.Range(0, threads).Select(_ => new ComputeThreadState(model, kernels, augmentation, seed))];
        _gradientTree = new PartialTree(kernels, pools.Training, Team);
        _evaluationTree = new PartialTree(kernels, pools.Evaluation);
        _computeGradients = ComputeGradientsOn;
        _evaluate = EvaluateOn;
    }

    /// <summary>Where partials come from and go back to.</summary>
    public PartialPools Pools { get; }

    /// <summary>The threads. Between two computations they may do something else.</summary>
    public ThreadTeam Team { get; }

    /// <summary>Plans kept; for tests.</summary>
    internal int PlanCount => _plans.Count;

    /// <summary>Takes over new parameter values.</summary>
    /// <param name="parameters">The model's flat buffer; it must stay valid and, where it is filled, unchanged until the next call.</param>
    /// <param name="arrival">How far the values have come; null, the default, if all are there.</param>
    public void UseParameters(float* parameters, IParameterArrival? arrival = null)
    {
        foreach (var thread in _threads)
        {
            thread.Give(parameters, arrival);
        }
    }

    /// <summary>Gradient partials of shards <paramref name="range"/> of a training step.</summary>
    /// <param name="images">The training set.</param>
    /// <param name="order">The epoch's permutation.</param>
    /// <param name="batch">The step's positions in it.</param>
    /// <param name="shardCount">S.</param>
    /// <param name="range">The shards.</param>
    /// <param name="results">Receives the partials, ascending; they belong to the caller, who returns them to <see cref="Pools"/>.</param>
    /// <param name="progress">Told what is final meanwhile, where one thread computes it all; null, the default, for nobody.</param>
    /// <exception cref="ArgumentException">The images do not fit the model.</exception>
    /// <exception cref="ParametersLostException">Parameters on their way do not come; nothing was told, and there are no results.</exception>
    public void ComputeGradients(
        LabeledImages images, int[] order, BatchPositions batch, int shardCount, ShardRange range, List<Partial> results, IGradientProgress? progress = null)
    {
        RequireFit(images);
        _images = images;
        _order = order;
        _batch = batch;
        _gradientTree.Reset(shardCount);
        Divide(range, shardCount, batch.Count);
        foreach (var thread in _threads)
        {
            for (var i = 0; i < thread.Plan?.Nodes.Count; i++)
            {
                var partial = Pools.Training.Rent();
                partial.Node = thread.Plan.Nodes[i].Shards;
                thread.Partials.Add(partial);
            }
        }

        _progress = progress is not null && IsForOneThread() ? progress : null;
        RunOrGiveBack(_computeGradients, Pools.Training);
        foreach (var thread in _threads)
        {
            foreach (var partial in thread.Partials)
            {
                _gradientTree.Add(partial);
            }

            thread.Partials.Clear();
        }

        _gradientTree.TakeAll(results);
    }

    /// <summary>Whether everything in a partial is finite; not while something is computed.</summary>
    public bool IsFinite(Partial partial) =>
        double.IsFinite(partial.LossSum) && _gradients.AllFinite(partial.Gradient.Pointer, partial.Gradient.Length);

    /// <summary>Loss and accuracy partials of shards <paramref name="range"/> of an evaluation over all of <paramref name="images"/>, in their order.</summary>
    /// <param name="images">The test set.</param>
    /// <param name="shardCount">Shards of the evaluation.</param>
    /// <param name="range">The shards.</param>
    /// <param name="results">Receives the partials, ascending, without gradients; they too go back to <see cref="Pools"/>.</param>
    /// <exception cref="ArgumentException">The images do not fit the model.</exception>
    /// <exception cref="ParametersLostException">Parameters on their way do not come; there are no results.</exception>
    public void Evaluate(LabeledImages images, int shardCount, ShardRange range, List<Partial> results)
    {
        RequireFit(images);
        _images = images;
        _evaluationTree.Reset(shardCount);
        Divide(range, shardCount, images.Count);
        foreach (var thread in _threads)
        {
            for (var shard = thread.Range.Start; shard < thread.Range.End; shard++)
            {
                var partial = Pools.Evaluation.Rent();
                partial.Node = new ShardRange(shard, shard + 1);
                thread.Partials.Add(partial);
            }
        }

        RunOrGiveBack(_evaluate, Pools.Evaluation);
        foreach (var thread in _threads)
        {
            foreach (var partial in thread.Partials)
            {
                _evaluationTree.Add(partial);
            }

            thread.Partials.Clear();
        }

        _evaluationTree.TakeAll(results);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Team.Dispose();
        foreach (var thread in _threads)
        {
            thread.Dispose();
        }
    }

    /// <summary>Below this point rows and labels are plain pointers and offsets: what does not fit would be read and written out of bounds.</summary>
    private void RequireFit(LabeledImages images)
    {
        if (images.ImageSize != _sampleSize || images.ClassCount > _scoreCount)
        {
            throw new ArgumentException(
                $"The model takes {_sampleSize} elements and gives {_scoreCount} scores, but the images have {images.ImageSize} and {images.ClassCount} classes.",
                nameof(images));
        }
    }

    private void RunOrGiveBack(Action<int> compute, PartialPool pool)
    {
        try
        {
            Team.Run(compute);
        }
        catch (ParametersLostException)
        {
            foreach (var thread in _threads)
            {
                thread.Partials.ForEach(pool.Return);
                thread.Partials.Clear();
            }

            throw;
        }
    }

    private bool IsForOneThread()
    {
        var count = 0;
        foreach (var thread in _threads)
        {
            count += thread.Plan is null ? 0 : 1;
        }

        return count == 1;
    }

    private void Divide(ShardRange range, int shardCount, int sampleCount)
    {
        for (var i = 0; i < _threads.Length; i++)
        {
            var start = range.Start + ShardPlan.Start(i, _threads.Length, range.Count);
            var end = range.Start + ShardPlan.Start(i + 1, _threads.Length, range.Count);
            _threads[i].Range = new ShardRange(start, end);
            _threads[i].Plan = end > start ? PlanFor(shardCount, _threads[i].Range, sampleCount) : null;
        }
    }

    private FoldPlan PlanFor(int shardCount, ShardRange range, int sampleCount)
    {
        var key = (shardCount, range, sampleCount);
        if (!_plans.TryGetValue(key, out var plan))
        {
            // Threads that hold one of the plans keep it.
            if (_plans.Count == PlansPerThread * _threads.Length)
            {
                _plans.Clear();
            }

            plan = new FoldPlan(shardCount, range, sampleCount);
            _plans.Add(key, plan);
        }

        return plan;
    }

    private void ComputeGradientsOn(int index)
    {
        var thread = _threads[index];
        if (thread.Plan is not { } plan)
        {
            return;
        }

        thread.TakeParameters(asTheyCome: true);
        thread.LoadForTraining(_images!, _order.AsSpan(_batch.First + plan.FirstPosition, plan.RowCount), _batch.Step, plan.FirstPosition);
        var nodeBuffers = stackalloc float*[plan.Nodes.Count];
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            nodeBuffers[i] = thread.Partials[i].Gradient.Pointer;
            thread.Partials[i].SampleCount = plan.Nodes[i].EndRow - plan.Nodes[i].FirstRow;
        }

        _progress?.Begun(thread.Partials);
        var scores = thread.Network.Gradients(
            thread.Input, thread.Labels, ForwardPass.Training(plan, _seed, _batch.Step), new GradientFold<float>(plan, nodeBuffers), out var losses, _progress);
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            var bounds = plan.Nodes[i].RowBounds;
            var partial = thread.Partials[i];
            partial.LossSum = FoldLosses(losses.Data, bounds, 0, bounds.Length - 1);
            partial.CorrectCount = CountCorrect(scores, thread.Labels, plan.Nodes[i].FirstRow, plan.Nodes[i].EndRow);
        }
    }

    private void EvaluateOn(int index)
    {
        var thread = _threads[index];
        thread.TakeParameters(asTheyCome: false);
        foreach (var partial in thread.Partials)
        {
            var first = ShardPlan.Start(partial.Node.Start, thread.Plan!.ShardCount, _images!.Count);
            var count = ShardPlan.Start(partial.Node.End, thread.Plan.ShardCount, _images.Count) - first;
            thread.LoadForEvaluation(_images, first, count);
            var scores = thread.Network.Forward(thread.Input, ForwardPass.Evaluation);
            var losses = thread.Network.Loss(scores, thread.Labels, isTraining: false);
            partial.SampleCount = count;
            ReadOnlySpan<int> bounds = [0, count];
            partial.LossSum = FoldLosses(losses.Data, bounds, 0, 1);
            partial.CorrectCount = CountCorrect(scores, thread.Labels, 0, count);
        }
    }

    /// <summary>Loss sums in double: rows ascending within a shard, shards folded along the tree.</summary>
    private static double FoldLosses(float* losses, ReadOnlySpan<int> bounds, int start, int count)
    {
        if (count > 1)
        {
            var left = ReductionTree.LeftCount(count);
            return FoldLosses(losses, bounds, start, left) + FoldLosses(losses, bounds, start + left, count - left);
        }

        var sum = 0d;
        for (var row = bounds[start]; row < bounds[start + 1]; row++)
        {
            sum += losses[row];
        }

        return sum;
    }

    /// <summary>How many rows have their largest score, the first of equal ones, at the label.</summary>
    private static int CountCorrect(Matrix<float> scores, ReadOnlySpan<byte> labels, int firstRow, int endRow)
    {
        var correct = 0;
        for (var m = firstRow; m < endRow; m++)
        {
            var row = scores.Row(m);
            var best = 0;
            for (var n = 1; n < row.Length; n++)
            {
                if (row[n] > row[best])
                {
                    best = n;
                }
            }

            correct += best == labels[m] ? 1 : 0;
        }

        return correct;
    }
}
