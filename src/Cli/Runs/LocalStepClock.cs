using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>Times the steps of a run in this process, from the marks that it passes. Each step begins with the end of the one before.</summary>
/// <param name="time">The clock.</param>
public sealed class LocalStepClock(TimeProvider time)
{
    private long _ended = time.GetTimestamp();
    private long _began;
    private long _computed;
    private long _reduced;

    /// <summary>Something other than a step has ended: the next step begins now.</summary>
    public void Restart() => _ended = time.GetTimestamp();

    /// <summary>A mark was passed.</summary>
    /// <returns>The step's split at its end; null before.</returns>
    public StepSplit? Reached(StepMark mark)
    {
        var now = time.GetTimestamp();
        switch (mark)
        {
            case StepMark.Began:
                _began = now;
                return null;
            case StepMark.Computed:
                _computed = now;
                return null;
            case StepMark.Reduced:
                _reduced = now;
                return null;
            default:
                var split = new StepSplit(_computed - _began, 0, 0, 0, _reduced - _computed, now - _reduced + _began - _ended) * (1d / time.TimestampFrequency);
                _ended = now;
                return split;
        }
    }
}
