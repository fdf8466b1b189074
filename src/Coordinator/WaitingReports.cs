using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>
/// (5.5) Says whom a run waits for, every few seconds, and when it has waited long enough. Decided purely; times are those of the
/// <see cref="RunningClock"/>.
/// </summary>
/// <param name="options">The durations.</param>
internal sealed class WaitingReports(CoordinatorOptions options)
{
    private TimeSpan _since;
    private TimeSpan _lastReport;
    private bool _isShort = true;

    /// <summary>A round has begun.</summary>
    public void RoundBegan(TimeSpan now)
    {
        _lastReport = now;
        _isShort = false;
    }

    /// <summary>There are too few workers for a round, or enough again. Before the first round the time runs from the start, whoever comes and goes.</summary>
    public void Observe(TimeSpan now, bool isShort)
    {
        if (isShort && !_isShort)
        {
            _since = now;
            _lastReport = now - options.WaitingReportInterval;
        }

        _isShort = isShort;
    }

    /// <summary>What to say now; null for nothing.</summary>
    /// <param name="now">The time.</param>
    /// <param name="message">Whom the run waits for.</param>
    public string? Due(TimeSpan now, Func<string> message)
    {
        if (now - _lastReport < options.WaitingReportInterval)
        {
            return null;
        }

        _lastReport = now;
        return _isShort ? $"{message()}; giving up in {(options.StartTimeout - (now - _since)).TotalSeconds:0} s." : message();
    }

    /// <summary>Whether it has waited for workers as long as it may.</summary>
    public bool IsOver(TimeSpan now) => _isShort && now - _since >= options.StartTimeout;
}
