using DistTrain.Core.Data;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>
/// Looks, while a run goes on and somebody watches, at what its network makes of the test samples, after an evaluation, on a thread of its own. It takes a hundredth of one
/// processor's time: where that is not enough for all samples, it looks at the first ones. What goes wrong with it is told once, and does not touch the run.
/// </summary>
internal sealed class TestLooks : ITrainingObserver, IDisposable
{
    private const int PartsOfTime = 100;

    /// <summary>More often nobody looks.</summary>
    private static readonly TimeSpan LeastInterval = TimeSpan.FromSeconds(1);

    private readonly RunSpec _spec;
    private readonly LabeledImages _test;
    private readonly TimeProvider _time;
    private readonly Func<bool> _isWatched;
    private readonly Action<RunEvent> _tell;
    private readonly Action<Exception> _failed;
    private readonly CancellationTokenSource _ending = new();
    private ParameterSet? _parameters;
    private Task _looking = Task.CompletedTask;
    private long _began;
    private bool _hasLooked;
    private bool _hasFailed;

    /// <summary>Begins with the first evaluation.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="test">Its test samples.</param>
    /// <param name="time">The clock.</param>
    /// <param name="isWatched">Whether it is worth while.</param>
    /// <param name="tell">Takes a <see cref="TestLook"/>, and a <see cref="FilterLook"/> where there are filters.</param>
    /// <param name="failed">Told why it has given up.</param>
    public TestLooks(RunSpec spec, LabeledImages test, TimeProvider time, Func<bool> isWatched, Action<RunEvent> tell, Action<Exception> failed)
    {
        (_spec, _test, _time, _isWatched, _tell, _failed) = (spec, test, time, isWatched, tell, failed);
        _began = time.GetTimestamp();
    }

    /// <inheritdoc/>
    public void StepDone(long stepsDone, TrainingState state)
    {
    }

    /// <inheritdoc/>
    public void EvaluationStarted(long stepsDone)
    {
    }

    /// <inheritdoc/>
    public void EvaluationDone(long stepsDone, TrainingState state)
    {
        var since = _time.GetElapsedTime(_began);
        if (_hasFailed || !_looking.IsCompleted || (_hasLooked && since < LeastInterval) || !_isWatched())
        {
            return;
        }

        _hasLooked = true;
        _began = _time.GetTimestamp();
        _parameters ??= new ParameterSet(_spec.Model.ParameterLayout());
        state.Parameters.Values.CopyTo(_parameters.Values);
        _looking = Task.Factory.StartNew(() => Look(stepsDone, since / PartsOfTime), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending.Cancel();
        Wait();
        _parameters?.Dispose();
        _ending.Dispose();
    }

    /// <summary>For the look that goes on.</summary>
    internal void Wait() => _looking.GetAwaiter().GetResult();

    private void Look(long stepsDone, TimeSpan longest)
    {
        try
        {
            using var late = new CancellationTokenSource(longest, _time);
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _ending.Token);
            _tell(TestLook.Of(_spec, _parameters!, stepsDone, _test, enough.Token));
            if (FilterLook.Of(_parameters!) is { } filters)
            {
                _tell(filters);
            }
        }
#pragma warning disable CA1031 // A run is worth more than a look at it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _hasFailed = true;
            _failed(e);
        }
    }
}
