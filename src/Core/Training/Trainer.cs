using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Training;

/// <summary>Told what a run does; called on the thread that trains.</summary>
public interface ITrainingObserver
{
    /// <summary>A step is done: <paramref name="stepsDone"/> updates are behind the parameters.</summary>
    void StepDone(long stepsDone, TrainingState state);

    /// <summary>A step in this process has reached a point; by default nobody measures.</summary>
    void StepReached(StepMark mark)
    {
    }

    /// <summary>Where a step's time went, told just before <see cref="StepDone"/>; by default nobody listens.</summary>
    void StepMeasured(long stepsDone, in StepSplit split)
    {
    }

    /// <summary>An evaluation is about to begin.</summary>
    void EvaluationStarted(long stepsDone);

    /// <summary>An evaluation is done.</summary>
    void EvaluationDone(long stepsDone, TrainingState state);
}

/// <summary>How a run in this process goes on from a checkpoint, leaves others, and is told to stop.</summary>
public sealed record TrainerOptions
{
    /// <summary>Where to go on; null for step 0. Of the same run but for its length, and still the caller's.</summary>
    public TrainingSnapshot? From { get; init; }

    /// <summary>Told what to keep; null keeps nothing.</summary>
    public IRunRecorder? Recorder { get; init; }

    /// <summary>Save after each multiple of so many steps; 0 for no such rule. With a <see cref="Recorder"/> only.</summary>
    public long CheckpointSteps { get; init; }

    /// <summary>Where others put events, such as the wish to stop or to save; null if nobody does.</summary>
    public SessionInbox? Inbox { get; init; }
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
    /// <param name="options">Checkpoints and control; null for none.</param>
    /// <param name="cancellation">Ends the run between two steps, at once.</param>
    /// <returns>The final state; the caller disposes of it.</returns>
    /// <exception cref="InvalidInputException">The spec is wrong or does not fit the data.</exception>
    /// <exception cref="TrainingFailedException">Loss or gradient became NaN or infinite.</exception>
    /// <exception cref="RunStoppedException">It was asked to stop, by way of the inbox.</exception>
    public static TrainingState Run(
        RunSpec spec,
        Dataset dataset,
        int threads = 1,
        ITrainingObserver? observer = null,
        Kernels<float>? kernels = null,
        TrainerOptions? options = null,
        CancellationToken cancellation = default)
    {
        spec.Validate();
        options ??= new TrainerOptions();
        spec.RequireData(dataset);
        kernels ??= VectorKernels.Best;
        var state = new TrainingState(spec, kernels, options.From);
        try
        {
            using var computation = new ShardComputation(spec, kernels, threads, state.Pools);
            using var own = options.Inbox is null ? new SessionInbox() : null;
            var inbox = options.Inbox ?? own!;
            options.Recorder?.Begin(state);
            if (options.Recorder is { } recorder)
            {
                recorder.Saved += result => inbox.Post(result.ToEvent());
            }

            new LocalRun(spec, dataset, state, computation, observer, options, inbox).Run(cancellation);
            return state;
        }
        catch
        {
            state.Dispose();
            throw;
        }
    }

    /// <summary>Carries out the session's effects, one after the other, in this process.</summary>
    private sealed class LocalRun(
        RunSpec spec, Dataset dataset, TrainingState state, ShardComputation computation, ITrainingObserver? observer, TrainerOptions options,
        SessionInbox inbox)
    {
        private readonly TrainingSession _session = new(
            spec,
            new SessionOptions(Saves: options.Recorder is not null, CheckpointSteps: options.CheckpointSteps),
            state.StepsDone,
            state.EvaluatedAt,
            options.Recorder?.Holds(state.StepsDone) ?? true);
        private readonly Queue<SessionEvent> _events = new();
        private readonly List<Partial> _partials = [];
        private readonly Dictionary<ShardRange, Partial> _unanswered = [];
        private readonly int[] _order = new int[dataset.Train.Count];
        private long _epochOfOrder = -1;

        public void Run(CancellationToken cancellation)
        {
            _events.Enqueue(SessionEvent.WorkerJoined(LocalWorker));
            while (!_session.HasEnded)
            {
                var effects = _session.Apply(Next(cancellation));
                for (var i = 0; i < effects.Count; i++)
                {
                    CarryOut(effects[i], cancellation);
                }
            }
        }

        /// <summary>What others ask for comes first; with nothing left to do here, the run waits for them.</summary>
        private SessionEvent Next(CancellationToken cancellation) =>
            inbox.TryTake(out var asked) ? asked
            : _events.TryDequeue(out var occurred) ? occurred
            : inbox.Take(cancellation);

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
                    Answer(effect);
                    break;
                case EffectKind.CommitStep:
                    observer?.StepReached(StepMark.Reduced);
                    var outcome = state.CommitStep(effect.Round.Version, computation.Team);
                    _events.Enqueue(outcome);
                    if (outcome.Kind == EventKind.StepCommitted)
                    {
                        options.Recorder?.StepDone(state);
                        observer?.StepReached(StepMark.Updated);
                        observer?.StepDone(effect.Round.Version + 1, state);
                    }

                    break;
                case EffectKind.CommitEvaluation:
                    state.CommitEvaluation();
                    observer?.EvaluationDone(effect.Round.Version, state);
                    break;
                case EffectKind.SaveCheckpoint:
                    options.Recorder!.BeginSave(state);
                    break;
                case EffectKind.Stop:
                    throw options.Recorder is null ? new OperationCanceledException("The run was stopped.") : new RunStoppedException(state.StepsDone);
                case EffectKind.Fail:
                    throw new TrainingFailedException(effect.Reason!);
            }
        }

        private void Answer(in SessionEffect effect)
        {
            if (!_unanswered.Remove(effect.Node, out var partial))
            {
                throw new InvalidOperationException($"The partial of {effect.Node} was answered twice.");
            }

            if (effect.Verdict == PartialVerdict.Counted)
            {
                state.Add(effect.Round.Kind, partial);
                if (effect.Round.Kind == RoundKind.Training)
                {
                    options.Recorder?.Count(effect.Round.Version, effect.Node, LocalWorker);
                }
            }
            else
            {
                state.Pools.For(effect.Round.Kind).Return(partial);
            }
        }

        private void Compute(in Lease lease)
        {
            if (lease.Round.Kind == RoundKind.Training)
            {
                observer?.StepReached(StepMark.Began);
                var batch = Sampler.Batch(lease.Round.Version, spec.Dataset.TrainCount, spec.BatchSize);
                if (batch.Epoch != _epochOfOrder)
                {
                    Sampler.Permutation(spec.Seed, batch.Epoch, _order);
                    _epochOfOrder = batch.Epoch;
                }

                computation.ComputeGradients(dataset.Train, _order, batch, lease.Round.ShardCount, lease.Range, _partials);
                observer?.StepReached(StepMark.Computed);
            }
            else
            {
                observer?.EvaluationStarted(lease.Round.Version);
                computation.Evaluate(dataset.Test, lease.Round.ShardCount, lease.Range, _partials);
            }

            foreach (var partial in _partials)
            {
                _unanswered.Add(partial.Node, partial);
                _events.Enqueue(SessionEvent.PartialArrived(LocalWorker, lease.Round, partial.Node, lease.Id, computation.IsFinite(partial)));
            }

            _partials.Clear();
        }
    }
}

/// <summary>Training cannot go on: NaN or infinity in loss or gradient. The message is for the user.</summary>
public sealed class TrainingFailedException(string message) : Exception(message);
