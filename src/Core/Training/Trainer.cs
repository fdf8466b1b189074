using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
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
    private readonly PartialPool _evaluationPool = new(0);
    private readonly PartialTree _gradientTree;
    private readonly PartialTree _evaluationTree;
    private double _epochLossSum;
    private long _epochSamples;
    private double _totalLossSum;
    private long _totalSamples;
    private double? _lastEpochLoss;

    /// <summary>The state at step 0.</summary>
    public TrainingState(RunSpec spec, Kernels<float> kernels)
    {
        _spec = spec;
        _kernels = kernels;
        Parameters = spec.Model.InitialParameters(spec.Seed);
        _optimizer = Optimizer.Create(spec.Optimizer, kernels, Parameters.Layout.Length);
        GradientPool = new PartialPool(Parameters.Layout.Length);
        _gradientTree = new PartialTree(kernels, GradientPool);
        _evaluationTree = new PartialTree(kernels, _evaluationPool);
        _gradientTree.Reset(spec.ShardCount);
        _evaluationTree.Reset(spec.EvaluationShardCount);
    }

    /// <summary>The current parameters.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>Gradient partials to use for this run.</summary>
    public PartialPool GradientPool { get; }

    /// <summary>Partials without gradients, for evaluations.</summary>
    public PartialPool EvaluationPool => _evaluationPool;

    /// <summary>The mean loss per sample of the last step.</summary>
    public double LastStepLoss { get; private set; } = double.NaN;

    /// <summary>The mean training loss over the last complete epoch, else over all steps.</summary>
    public double TrainLoss => _lastEpochLoss ?? (_totalSamples == 0 ? double.NaN : _totalLossSum / _totalSamples);

    /// <summary>The result of the last evaluation.</summary>
    public Evaluation? LastEvaluation { get; private set; }

    /// <summary>Adds a counted partial to its round's sums; it belongs to this object now.</summary>
    public void Add(RoundKind kind, Partial partial) => (kind == RoundKind.Training ? _gradientTree : _evaluationTree).Add(partial);

    /// <summary>
    /// Reduces and updates: parameters of version <c>step</c> become those of <c>step + 1</c>, unless the loss or the gradient is not finite.
    /// </summary>
    /// <returns>What to tell the session.</returns>
    public SessionEvent CommitStep(long step)
    {
        var root = _gradientTree.TakeRoot() ?? throw new InvalidOperationException($"Step {step} is not complete.");
        _gradientTree.Reset(_spec.ShardCount);
        try
        {
            LastStepLoss = root.LossSum / root.SampleCount;
            if (!double.IsFinite(root.LossSum) || !_kernels.AllFinite(root.Gradient.Pointer, Parameters.Layout.Length))
            {
                return SessionEvent.StepRefused(
                    $"Step {step}: the {(double.IsFinite(root.LossSum) ? "gradient" : "loss")} is not finite. The parameters before it are unharmed; "
                    + "a smaller learning rate is the usual cure.");
            }

            CountLoss(root, step);
            _optimizer.Step(Parameters.Pointer, root.Gradient.Pointer, root.SampleCount);
            return SessionEvent.StepCommitted();
        }
        finally
        {
            GradientPool.Return(root);
        }
    }

    /// <summary>Completes an evaluation.</summary>
    public Evaluation CommitEvaluation()
    {
        var root = _evaluationTree.TakeRoot() ?? throw new InvalidOperationException("The evaluation is not complete.");
        _evaluationTree.Reset(_spec.EvaluationShardCount);
        var evaluation = new Evaluation(root.LossSum / root.SampleCount, (double)root.CorrectCount / root.SampleCount);
        _evaluationPool.Return(root);
        LastEvaluation = evaluation;
        return evaluation;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gradientTree.Reset(1);
        _evaluationTree.Reset(1);
        GradientPool.Dispose();
        _evaluationPool.Dispose();
        _optimizer.Dispose();
        Parameters.Dispose();
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

/// <summary>Told what a run does; called on the thread that trains.</summary>
public interface ITrainingObserver
{
    /// <summary>A step is done: <paramref name="stepsDone"/> updates are behind the parameters.</summary>
    void StepDone(long stepsDone, TrainingState state);

    /// <summary>An evaluation is about to begin.</summary>
    void EvaluationStarted(long stepsDone);

    /// <summary>An evaluation is done.</summary>
    void EvaluationDone(long stepsDone, TrainingState state);
}

/// <summary>
/// Trains in this process: no server, no port. <c>using var state = Trainer.Run(spec, dataset);</c> gives the same bits as any cluster.
/// </summary>
public static unsafe class Trainer
{
    private const int LocalWorker = 1;

    /// <summary>Runs a spec from its first step to its last evaluation.</summary>
    /// <param name="spec">What to train.</param>
    /// <param name="dataset">The data; its digest must be the spec's.</param>
    /// <param name="threads">Threads to compute with; no bit depends on it. Default 1.</param>
    /// <param name="observer">Told what happens; may be null.</param>
    /// <param name="kernels">What to compute with; default <see cref="VectorKernels.Best"/>.</param>
    /// <param name="cancellation">Ends the run between two steps.</param>
    /// <returns>The final state; the caller disposes of it.</returns>
    /// <exception cref="InvalidInputException">The spec is wrong or does not fit the data.</exception>
    /// <exception cref="TrainingFailedException">Loss or gradient became NaN or infinite.</exception>
    public static TrainingState Run(
        RunSpec spec,
        Dataset dataset,
        int threads = 1,
        ITrainingObserver? observer = null,
        Kernels<float>? kernels = null,
        CancellationToken cancellation = default)
    {
        spec.Validate();
        if (spec.Dataset.Digest != dataset.Digest)
        {
            throw new InvalidInputException($"The run was made for dataset {spec.Dataset.Name} with digest {spec.Dataset.Digest}, but got {dataset.Name} with {dataset.Digest}.");
        }

        kernels ??= VectorKernels.Best;
        var state = new TrainingState(spec, kernels);
        try
        {
            using var computation = new ShardComputation(spec.Model, kernels, threads, state.GradientPool);
            new LocalRun(spec, dataset, state, computation, observer).Run(cancellation);
            return state;
        }
        catch
        {
            state.Dispose();
            throw;
        }
    }

    /// <summary>Carries out the session's effects, one after the other, in this process.</summary>
    private sealed class LocalRun(RunSpec spec, Dataset dataset, TrainingState state, ShardComputation computation, ITrainingObserver? observer)
    {
        private readonly TrainingSession _session = new(spec);
        private readonly Queue<SessionEvent> _events = new();
        private readonly List<Partial> _partials = [];
        private readonly Dictionary<ShardRange, Partial> _unanswered = [];
        private readonly int[] _order = new int[dataset.Train.Count];
        private long _epochOfOrder = -1;

        public void Run(CancellationToken cancellation)
        {
            _events.Enqueue(SessionEvent.WorkerJoined(LocalWorker));
            while (_events.TryDequeue(out var occurred))
            {
                foreach (var effect in _session.Apply(occurred))
                {
                    CarryOut(effect, cancellation);
                }
            }
        }

        private void CarryOut(in SessionEffect effect, CancellationToken cancellation)
        {
            switch (effect.Kind)
            {
                case EffectKind.SendParameters:
                    computation.UseParameters(state.Parameters.Pointer);
                    break;
                case EffectKind.Lease:
                    cancellation.ThrowIfCancellationRequested();
                    Compute(effect.Lease);
                    break;
                case EffectKind.AnswerPartial:
                    // This process computes each node once, so every answer but this one would be a defect of the session.
                    if (effect.Verdict != PartialVerdict.Counted || !_unanswered.Remove(effect.Node, out var partial))
                    {
                        throw new InvalidOperationException($"The partial of {effect.Node} was answered with {effect.Verdict}.");
                    }

                    state.Add(effect.Round.Kind, partial);
                    break;
                case EffectKind.CommitStep:
                    _events.Enqueue(state.CommitStep(effect.Round.Version));
                    observer?.StepDone(effect.Round.Version + 1, state);
                    break;
                case EffectKind.CommitEvaluation:
                    state.CommitEvaluation();
                    observer?.EvaluationDone(effect.Round.Version, state);
                    break;
                case EffectKind.Fail:
                    throw new TrainingFailedException(effect.Reason!);
            }
        }

        private void Compute(in Lease lease)
        {
            if (lease.Round.Kind == RoundKind.Training)
            {
                var batch = Sampler.Batch(lease.Round.Version, spec.Dataset.TrainCount, spec.BatchSize);
                if (batch.Epoch != _epochOfOrder)
                {
                    Sampler.Permutation(spec.Seed, batch.Epoch, _order);
                    _epochOfOrder = batch.Epoch;
                }

                computation.ComputeGradients(dataset.Train, _order, batch, lease.Round.ShardCount, lease.Range, _partials);
            }
            else
            {
                observer?.EvaluationStarted(lease.Round.Version);
                computation.Evaluate(dataset.Test, lease.Round.ShardCount, lease.Range, _partials);
            }

            foreach (var partial in _partials)
            {
                _unanswered.Add(partial.Node, partial);
                _events.Enqueue(SessionEvent.PartialArrived(LocalWorker, lease.Round, partial.Node));
            }

            _partials.Clear();
        }
    }
}

/// <summary>Training cannot go on: NaN or infinity in loss or gradient. The message is for the user.</summary>
public sealed class TrainingFailedException(string message) : Exception(message);
