using DistTrain.Cli.Views;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>Turns what a run does into events for the view and for <c>metrics.jsonl</c>. Events may come from several threads.</summary>
public sealed class RunReporter : ITrainingObserver, IDisposable
{
    private static readonly TimeSpan MetricsInterval = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly RunSpec _spec;
    private readonly RunDirectory _directory;
    private readonly IRunView _view;
    private readonly Surroundings _surroundings;
    private readonly ThroughputMeter _meter;
    private readonly StepSplits _splits;
    private readonly LocalStepClock _clock;
    private readonly LineFile _metrics;
    private readonly int _workers;
    private readonly int? _threads;
    private readonly long? _resumedFrom;
    private long _lastProgress;
    private long _lastMetrics;
    private (long Samples, TimeSpan Inside) _before;
    private double _lossSum;
    private long _lossCount;
    private long _stepsDone;
    private bool _isViewFailing;
    private long? _evaluationBegan;
    private TimeSpan _evaluating;

    /// <summary>A reporter for one run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="directory">Its directory.</param>
    /// <param name="view">What is shown; it belongs to the caller.</param>
    /// <param name="surroundings">For the clock.</param>
    /// <param name="workers">As asked for.</param>
    /// <param name="threads">Of each process; null if each worker decides for itself.</param>
    /// <param name="resumedFrom">The steps behind the checkpoint that it goes on from; null if it begins at 0.</param>
    public RunReporter(RunSpec spec, RunDirectory directory, IRunView view, Surroundings surroundings, int workers, int? threads, long? resumedFrom)
    {
        (_spec, _directory, _view, _surroundings, _workers, _threads) = (spec, directory, view, surroundings, workers, threads);
        _resumedFrom = resumedFrom;
        _stepsDone = resumedFrom ?? 0;
        _meter = new ThroughputMeter(surroundings.Time, spec.TotalSteps, _stepsDone);
        _splits = new StepSplits(spec.TotalSteps - _stepsDone);
        _clock = new LocalStepClock(surroundings.Time);
        _metrics = new LineFile(directory.MetricsPath, view.Warn);
    }

    /// <summary>Told the same, for those who need the numbers themselves; null for nobody.</summary>
    public ITrainingObserver? Also { get; init; }

    /// <summary>Whether <see cref="Start"/> was called.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>The run is about to begin.</summary>
    /// <param name="address">Where workers can join; null without a coordinator.</param>
    /// <param name="join">The command by which they do; null likewise.</param>
    public void Start(string? address, string? join)
    {
        HasStarted = true;
        _lastProgress = _lastMetrics = _surroundings.Time.GetTimestamp();
        Emit(new Started(
            _directory.FullPath, _spec.Model.Name, _spec.Dataset.Name, _spec.Optimizer.Name, _spec.TotalSteps, _spec.StepsPerEpoch, _spec.BatchSize,
            _spec.ShardCount, _spec.Seed, _workers, _threads, address, ProductVersion.Text, _spec.NumericsRevision,
            _spec.Dataset.Holdout is null ? null : _spec.Dataset.TestCount, join, _resumedFrom));
    }

    /// <summary>Whether anybody wants to be told who works on the run: <see cref="Glance"/>.</summary>
    public bool ShowsWorkers => _view.ShowsWorkers;

    /// <summary>Somebody has looked who works on the run. Not for the metrics.</summary>
    public void Glance(ClusterGlance glance) => Emit(glance, toMetrics: false);

    /// <inheritdoc/>
    public void StepDone(long stepsDone, TrainingState state)
    {
        Also?.StepDone(stepsDone, state);
        var now = _meter.StepDone(stepsDone, Sampler.Batch(stepsDone - 1, _spec.Dataset.TrainCount, _spec.BatchSize).Count);
        Volatile.Write(ref _stepsDone, stepsDone);
        _lossSum += state.LastStepLoss;
        _lossCount++;
        if (stepsDone % _spec.StepsPerEpoch == 0 && !_spec.EvaluationIsDue(stepsDone))
        {
            EmitEpoch(stepsDone, state, evaluation: null, inEvaluation: TimeSpan.Zero);
        }

        if (_surroundings.Time.GetElapsedTime(_lastProgress, now) >= _view.Interval)
        {
            ReportProgress(stepsDone, now);
        }
    }

    /// <inheritdoc/>
    public void StepReached(StepMark mark)
    {
        if (_clock.Reached(mark) is { } split)
        {
            StepMeasured(_stepsDone + 1, split);
        }
    }

    /// <inheritdoc/>
    public void StepMeasured(long stepsDone, in StepSplit split) =>
        _splits.Add(split, Sampler.Batch(stepsDone - 1, _spec.Dataset.TrainCount, _spec.BatchSize).Count);

    /// <inheritdoc/>
    public void EvaluationStarted(long stepsDone)
    {
        Also?.EvaluationStarted(stepsDone);
        _evaluationBegan ??= _surroundings.Time.GetTimestamp();
    }

    /// <inheritdoc/>
    public void EvaluationDone(long stepsDone, TrainingState state)
    {
        Also?.EvaluationDone(stepsDone, state);
        var took = _evaluationBegan is { } began ? _surroundings.Time.GetElapsedTime(began) : TimeSpan.Zero;
        _evaluationBegan = null;
        _evaluating += took;
        if (stepsDone % _spec.StepsPerEpoch == 0)
        {
            EmitEpoch(stepsDone, state, state.LastEvaluation, took);
        }
        else if (stepsDone < _spec.TotalSteps)
        {
            Emit(new Evaluated(
                stepsDone,
                RunEvent.Finite(state.LastEvaluation?.Loss),
                RunEvent.Finite(state.LastEvaluation?.Accuracy),
                took.TotalSeconds,
                _surroundings.Elapsed.TotalSeconds));
        }

        _meter.Resume();
        _clock.Restart();
    }

    /// <summary>Something happened to a worker: see <see cref="WorkerChanged"/>.</summary>
    public void WorkerChanged(string what, string? worker, int? processId, string? reason) =>
        Emit(new WorkerChanged(what, worker, processId, reason, Volatile.Read(ref _stepsDone), _surroundings.Elapsed.TotalSeconds));

    /// <summary>A save has ended; any thread.</summary>
    public void Saved(SaveResult result) => Emit(new CheckpointDone(
        result.StepsDone, result.Path, result.Failure, result.Duration.TotalSeconds, _surroundings.Elapsed.TotalSeconds));

    /// <summary>The run was stopped with a checkpoint.</summary>
    public void Stop(long stepsDone, int exitCode) => Emit(new Stopped(stepsDone, _directory.FullPath, exitCode));

    /// <summary>The run has failed. The view is told by whoever decides the exit code.</summary>
    public void Fail(Failure failure)
    {
        lock (_gate)
        {
            _metrics.Write(new Failed(failure.Reason, failure.ExitCode, failure.IsOfTraining).ToJson());
        }
    }

    /// <summary>The run is done and its parameters are written.</summary>
    public void Complete(TrainingState state)
    {
        if (StepTimes.Of(_splits) is { } times)
        {
            Emit(times);
        }

        Emit(Result(state));
    }

    private Completed Result(TrainingState state) => new(
        _directory.FullPath,
        _spec.Model.Name,
        _spec.Dataset.Name,
        _spec.Optimizer.Name,
        _spec.TotalSteps,
        _spec.TotalSteps / _spec.StepsPerEpoch,
        RunEvent.Finite(state.TrainLoss),
        RunEvent.Finite(state.LastEvaluation?.Loss),
        RunEvent.Finite(state.LastEvaluation?.Accuracy),
        RunEvent.Finite(_meter.SamplesPerSecond),
        _surroundings.Elapsed.TotalSeconds,
        _workers,
        _threads,
        _spec.ShardCount,
        _spec.Seed,
        _resumedFrom,
        _spec.NumericsRevision,
        ParametersHash.Sha256(state.Parameters.Values),
        _evaluating.TotalSeconds);

    /// <inheritdoc/>
    public void Dispose() => _metrics.Dispose();

    private void EmitEpoch(long stepsDone, TrainingState state, Evaluation? evaluation, TimeSpan inEvaluation) => Emit(new EpochDone(
        stepsDone / _spec.StepsPerEpoch,
        stepsDone,
        RunEvent.Finite(state.TrainLoss),
        RunEvent.Finite(evaluation?.Loss),
        RunEvent.Finite(evaluation?.Accuracy),
        RunEvent.Finite(_meter.SamplesPerSecond),
        _surroundings.Elapsed.TotalSeconds,
        inEvaluation.TotalSeconds));

    private void ReportProgress(long stepsDone, long now)
    {
        var recent = ThroughputMeter.Rate(_meter.Samples - _before.Samples, _meter.Inside - _before.Inside);
        var remainingSamples = (double)(_spec.TotalSteps - stepsDone) * Math.Min(_spec.BatchSize, _spec.Dataset.TrainCount);
        var progress = new Progress(
            stepsDone,
            _spec.TotalSteps,
            ((stepsDone - 1) / _spec.StepsPerEpoch) + 1,
            RunEvent.Finite(_lossSum / _lossCount),
            RunEvent.Finite(recent),
            _surroundings.Elapsed.TotalSeconds,
            RunEvent.Finite(remainingSamples / _meter.SamplesPerSecond));
        _before = (_meter.Samples, _meter.Inside);
        _lastProgress = now;
        (_lossSum, _lossCount) = (0, 0);
        var isForMetrics = _surroundings.Time.GetElapsedTime(_lastMetrics, now) >= MetricsInterval;
        _lastMetrics = isForMetrics ? now : _lastMetrics;
        Emit(progress, isForMetrics);
    }

    private void Emit(RunEvent happened, bool toMetrics = true)
    {
        lock (_gate)
        {
            if (toMetrics)
            {
                _metrics.Write(happened.ToJson());
            }

            Show(happened);
        }
    }

    /// <summary>
    /// A run is worth more than what is said of it: what standard output does not take in mid-run, for example on a full disk, is left out, and the first
    /// of a row of such is told. A run that cannot say that it begins does not begin, and one that cannot tell its result has not told it.
    /// </summary>
    private void Show(RunEvent happened)
    {
        try
        {
            _view.Show(happened);
            _isViewFailing = false;
        }
        catch (Exception e) when (happened is not (Started or Completed) && e is IOException or UnauthorizedAccessException)
        {
            if (!_isViewFailing)
            {
                _isViewFailing = true;
                _view.Warn($"Standard output: events are left out until it takes them: {e.Message} {RunDirectory.MetricsFileName} has them.");
            }
        }
    }
}
