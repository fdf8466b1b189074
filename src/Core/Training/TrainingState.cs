using DistTrain.Core.Kernels;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>Loss and accuracy over the test set.</summary>
/// <param name="Loss">The mean loss per sample.</param>
/// <param name="Accuracy">The fraction classified as labelled, 0 to 1.</param>
public readonly record struct Evaluation(double Loss, double Accuracy);

/// <summary>
/// The numbers of a run: parameters, optimizer and the sums of the current round. Carries out the numerical effects of a
/// <see cref="TrainingSession"/>, for the single process and for the coordinator alike.
/// </summary>
public sealed unsafe class TrainingState : IDisposable
{
    private readonly RunSpec _spec;
    private readonly Kernels<float> _kernels;
    private readonly Optimizer _optimizer;
    private readonly PartialTree _gradientTree;
    private readonly PartialTree _evaluationTree;
    private double _epochLossSum;
    private long _epochSamples;
    private double _totalLossSum;
    private long _totalSamples;
    private double? _lastEpochLoss;

    private readonly List<(RoundKind Kind, int Worker, Partial Partial)> _held = [];
    private readonly byte[] _blockHashes;
    private readonly Action<int> _updateAndHashShare;
    private float* _gradientSums;
    private int _shares;

    /// <summary>The state at step 0, or at a snapshot.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="kernels">For sums and updates.</param>
    /// <param name="from">Where to go on; null for step 0. It is of this run, but for the number of epochs or steps, and stays the caller's.</param>
    /// <param name="memory">Where the parameters lie, for as long as this object lives; null for memory of its own.</param>
    /// <param name="team">Threads to share the sums of partials; null for the caller's alone. No bit depends on it.</param>
    public TrainingState(
        RunSpec spec, Kernels<float> kernels, TrainingSnapshot? from = null, AlignedBuffer<float>? memory = null, ThreadTeam? team = null)
    {
        _spec = spec;
        _kernels = kernels;
        Parameters = InitialParameters(spec, memory);
        _optimizer = Optimizer.Create(spec.Optimizer, kernels, Parameters.Layout);
        _blockHashes = new byte[HashChain.BlockCount(Parameters.Layout.Length) * HashChain.SizeBytes];
        _updateAndHashShare = UpdateAndHashShare;
        Pools = new PartialPools(Parameters.Layout.Length);
        _gradientTree = new PartialTree(kernels, Pools.Training, team);
        _evaluationTree = new PartialTree(kernels, Pools.Evaluation);
        _gradientTree.Reset(spec.ShardCount);
        _evaluationTree.Reset(spec.EvaluationShardCount);
        if (from is null)
        {
            Chain = HashChain.Next(0, version: 0, Parameters.Values);
        }
        else
        {
            GoOnFrom(from);
        }
    }

    /// <summary>The run.</summary>
    public RunSpec Spec => _spec;

    /// <summary>The steps behind the parameters.</summary>
    public long StepsDone { get; private set; }

    /// <summary>The hash chain up to the current parameters.</summary>
    public UInt128 Chain { get; private set; }

    /// <summary>The current parameters.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>Where this run's partials come from and go back to.</summary>
    public PartialPools Pools { get; }

    /// <summary>The mean loss per sample of the last step.</summary>
    public double LastStepLoss { get; private set; } = double.NaN;

    /// <summary>The mean training loss over the last complete epoch, else over all steps.</summary>
    public double TrainLoss => _lastEpochLoss ?? (_totalSamples == 0 ? double.NaN : _totalLossSum / _totalSamples);

    /// <summary>The steps behind the parameters of <see cref="LastEvaluation"/>; −1 before the first.</summary>
    public long EvaluatedAt { get; private set; } = -1;

    /// <summary>The result of the last evaluation.</summary>
    public Evaluation? LastEvaluation { get; private set; }

    /// <summary>Whether everything in a partial is finite; any thread.</summary>
    public bool IsFinite(Partial partial) =>
        double.IsFinite(partial.LossSum) && _kernels.AllFinite(partial.Gradient.Pointer, partial.Gradient.Length);

    /// <summary>Adds a counted partial to its round's sums; it belongs to this object now.</summary>
    public void Add(RoundKind kind, Partial partial) => (kind == RoundKind.Training ? _gradientTree : _evaluationTree).Add(partial);

    /// <summary>Keeps a partial until <see cref="Settle"/>; it belongs to this object now.</summary>
    public void Hold(RoundKind kind, int worker, Partial partial) => _held.Add((kind, worker, partial));

    /// <summary>Adds the held partial of a node by this worker, and drops the others of that node.</summary>
    public void Settle(RoundKind kind, int worker, ShardRange node)
    {
        for (var i = _held.Count - 1; i >= 0; i--)
        {
            if (_held[i].Kind != kind || _held[i].Partial.Node != node)
            {
                continue;
            }

            var (_, by, partial) = _held[i];
            _held.RemoveAt(i);
            if (by == worker)
            {
                Add(kind, partial);
            }
            else
            {
                Pools.For(kind).Return(partial);
            }
        }
    }

    /// <summary>
    /// Reduces and updates: parameters of version <c>step</c> become those of <c>step + 1</c>, unless the loss or the gradient is not finite.
    /// A parameter that the update itself made infinite stays so, or becomes NaN: that is refused at the latest before the next evaluation,
    /// so no result ever holds one.
    /// </summary>
    /// <param name="step">The step.</param>
    /// <param name="team">Threads to share update and hash; null for the caller's alone. No bit depends on it.</param>
    /// <returns>What to tell the session.</returns>
    public SessionEvent CommitStep(long step, ThreadTeam? team = null)
    {
        var root = _gradientTree.TakeRoot() ?? throw new InvalidOperationException($"Step {step} is not complete.");
        // Each partial is finite, or the session would not have counted it; their sum may still be too large.
        var isFinite = _gradientTree.SumsAreFinite && double.IsFinite(root.LossSum);
        _gradientTree.Reset(_spec.ShardCount);
        try
        {
            LastStepLoss = root.LossSum / root.SampleCount;
            if (!isFinite)
            {
                return SessionEvent.StepRefused(
                    $"Step {step}: the {(double.IsFinite(root.LossSum) ? "gradient" : "loss")} is not finite. The parameters before it are unharmed; "
                    + "a smaller learning rate is the usual cure.");
            }

            CountLoss(root, step);
            _optimizer.Begin(Parameters.Pointer, root.Gradient.Pointer, root.SampleCount, _spec.Optimizer.LearningRateAt(step, _spec.TotalSteps));
            MoveBuffers(root);
            UpdateAndHash(root, team);
            StepsDone = step + 1;
            Chain = HashChain.Next(Chain, StepsDone, _blockHashes);
            return !_spec.EvaluationIsDue(step + 1) || _kernels.AllFinite(Parameters.Pointer, Parameters.Layout.Length)
                ? SessionEvent.StepCommitted()
                : SessionEvent.StepRefused($"Step {step}: after its update a parameter is not finite; a smaller learning rate is the usual cure.");
        }
        finally
        {
            Pools.Training.Return(root);
        }
    }

    /// <summary>Completes an evaluation.</summary>
    public Evaluation CommitEvaluation()
    {
        var root = _evaluationTree.TakeRoot() ?? throw new InvalidOperationException("The evaluation is not complete.");
        _evaluationTree.Reset(_spec.EvaluationShardCount);
        var evaluation = new Evaluation(root.LossSum / root.SampleCount, (double)root.CorrectCount / root.SampleCount);
        Pools.Evaluation.Return(root);
        LastEvaluation = evaluation;
        EvaluatedAt = StepsDone;
        return evaluation;
    }

    /// <summary>Copies everything that the run needs to go on from here. Between two steps only.</summary>
    /// <param name="snapshot">Of the same run.</param>
    public void CopyTo(TrainingSnapshot snapshot)
    {
        snapshot.StepsDone = StepsDone;
        snapshot.Chain = Chain;
        snapshot.Progress = new TrainingProgress(
            _totalLossSum, _totalSamples, _epochLossSum, _epochSamples, _lastEpochLoss, LastStepLoss, LastEvaluation, EvaluatedAt);
        Parameters.Values.CopyTo(snapshot.Parameters.Values);
        for (var i = 0; i < snapshot.Slots.Count; i++)
        {
            _optimizer.Slot(i).CopyTo(snapshot.Slots[i].Values);
        }

        _optimizer.Scalars.CopyTo(snapshot.OptimizerScalars);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _held.ForEach(held => Pools.For(held.Kind).Return(held.Partial));
        _gradientTree.Reset(1);
        _evaluationTree.Reset(1);
        Pools.Dispose();
        _optimizer.Dispose();
        Parameters.Dispose();
    }

    private static ParameterSet InitialParameters(RunSpec spec, AlignedBuffer<float>? memory)
    {
        var initial = spec.Model.InitialParameters(spec.Seed);
        if (memory is null)
        {
            return initial;
        }

        using (initial)
        {
            return new ParameterSet(initial, memory);
        }
    }

    private void GoOnFrom(TrainingSnapshot snapshot)
    {
        StepsDone = snapshot.StepsDone;
        Chain = snapshot.Chain;
        (_totalLossSum, _totalSamples, _epochLossSum, _epochSamples, _lastEpochLoss, LastStepLoss, LastEvaluation, EvaluatedAt) = snapshot.Progress;
        snapshot.Parameters.Values.CopyTo(Parameters.Values);
        for (var i = 0; i < snapshot.Slots.Count; i++)
        {
            snapshot.Slots[i].Values.CopyTo(_optimizer.Slot(i));
        }

        snapshot.OptimizerScalars.CopyTo(_optimizer.Scalars);
    }

    private void UpdateAndHash(Partial root, ThreadTeam? team)
    {
        _gradientSums = root.Gradient.Pointer;
        // Nobody is woken for a single block.
        _shares = HashChain.BlockCount(Parameters.Layout.Length) == 1 ? 1 : team?.Count ?? 1;
        if (_shares == 1)
        {
            UpdateAndHashShare(0);
        }
        else
        {
            team!.Run(_updateAndHashShare);
        }
    }

    /// <summary>Block by block of the hash chain: what is hashed has just been updated and is still in the cache.</summary>
    private void UpdateAndHashShare(int index)
    {
        var layout = Parameters.Layout;
        var blocks = HashChain.BlockCount(layout.Length);
        var end = ShardPlan.Start(index + 1, _shares, blocks);
        for (var block = ShardPlan.Start(index, _shares, blocks); block < end; block++)
        {
            var first = block * HashChain.BlockLength;
            var count = Math.Min(HashChain.BlockLength, layout.Length - first);
            _optimizer.Update(Parameters.Pointer, _gradientSums, first, Math.Clamp(layout.ParameterLength - first, 0, count));
            HashChain.HashBlock(
                new ReadOnlySpan<float>(Parameters.Pointer + first, count), _blockHashes.AsSpan(block * HashChain.SizeBytes, HashChain.SizeBytes));
        }
    }

    /// <summary>Running statistics move once per step, by the statistics of the whole batch.</summary>
    private void MoveBuffers(Partial root)
    {
        var buffers = Parameters.Layout.Buffers;
        for (var i = 0; i < buffers.Count; i++)
        {
            var (slot, momentum) = buffers[i];
            _kernels.Update(
                new BufferUpdate<float>(momentum, 1f / root.SampleCount),
                Parameters.Pointer + slot.Offset,
                root.Gradient.Pointer + slot.Offset,
                slot0: null,
                slot1: null,
                slot.Length);
        }
    }

    private void CountLoss(Partial root, long step)
    {
        _totalLossSum += root.LossSum;
        _totalSamples += root.SampleCount;
        _epochLossSum += root.LossSum;
        _epochSamples += root.SampleCount;
        if ((step + 1) % _spec.StepsPerEpoch == 0)
        {
            _lastEpochLoss = _epochLossSum / _epochSamples;
            _epochLossSum = 0;
            _epochSamples = 0;
        }
    }
}
