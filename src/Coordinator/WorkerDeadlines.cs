namespace DistTrain.Coordinator;

/// <summary>
/// What time does to one worker, decided purely (5.2) to (5.4). Every time is one of the <see cref="RunningClock"/>, so nothing here passes while the
/// coordinator itself does not run.
/// </summary>
/// <param name="options">The durations.</param>
/// <param name="now">When it attached.</param>
internal sealed class WorkerDeadlines(CoordinatorOptions options, TimeSpan now)
{
    // Noticed within a tick and counted in ticks: declared so much earlier, nobody silent is taken for alive after the dead-time.
    private readonly TimeSpan _silentAt = options.DeadTime - (RunningClock.TickLengthFor(options.DeadTime) * 3);
    private TimeSpan _lastHeard = now;
    private long _writing;
    private TimeSpan _writingSince = now;
    private TimeSpan _leasedAt = now;

    /// <summary>Whether the lease granted last is late.</summary>
    public bool IsLate { get; private set; }

    /// <summary>How long ago its last lease was granted.</summary>
    public TimeSpan SinceGranted(TimeSpan now) => now - _leasedAt;

    /// <summary>How long there was no sign of life.</summary>
    public TimeSpan Silent(TimeSpan now) => now - _lastHeard;

    /// <summary>A lease was granted.</summary>
    public void LeaseGranted(TimeSpan now)
    {
        _leasedAt = now;
        IsLate = false;
    }

    /// <summary>What there was since the last time.</summary>
    /// <param name="now">The time.</param>
    /// <param name="heard">Whether there was a sign of life.</param>
    /// <param name="writing">The message being written to it: <see cref="Outbox.Writing"/>.</param>
    public void Observe(TimeSpan now, bool heard, long writing)
    {
        if (heard)
        {
            _lastHeard = now;
        }

        if (writing == 0 || writing != _writing)
        {
            _writing = writing;
            _writingSince = now;
        }
    }

    /// <summary>Why the worker must be given up; null if it need not be.</summary>
    /// <param name="now">The time.</param>
    /// <param name="isAwaited">Whether the round waits for its lease.</param>
    public string? Doomed(TimeSpan now, bool isAwaited)
    {
        if (now - _lastHeard >= _silentAt)
        {
            return $"silent for {(now - _lastHeard).TotalSeconds:0.0} s";
        }

        if (now - _writingSince >= options.SendDeadline)
        {
            return $"it has not read what it is sent for {(now - _writingSince).TotalSeconds:0.0} s";
        }

        return isAwaited && now - _leasedAt >= options.LeaseTimeout
            ? $"it has not delivered its lease for {options.LeaseTimeout.TotalSeconds:0.###} s"
            : null;
    }

    /// <summary>True once per lease, when it is older than <paramref name="deadline"/>.</summary>
    public bool BecomesLate(TimeSpan now, TimeSpan deadline)
    {
        if (IsLate || now - _leasedAt < deadline)
        {
            return false;
        }

        IsLate = true;
        return true;
    }
}
