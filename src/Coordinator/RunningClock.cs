namespace DistTrain.Coordinator;

/// <summary>
/// Measures time by what this process noticed of it (5.3): between two ticks it counts the time that passed, but at most four tick lengths.
/// While the process is stopped or starved, the clock stands nearly still, so nobody is declared dead for the coordinator's own lag.
/// </summary>
/// <param name="time">Where time comes from.</param>
/// <param name="tickLength">How often <see cref="Tick"/> is meant to be called.</param>
internal sealed class RunningClock(TimeProvider time, TimeSpan tickLength)
{
    private const int MaximumTicks = 4;
    private const int TicksPerDeadTime = 12;
    private static readonly TimeSpan LongestTick = TimeSpan.FromMilliseconds(25);

    private long _last = time.GetTimestamp();

    /// <summary>How often to tick, so that a late lease is noticed within a few steps and a dead worker well within its dead-time.</summary>
    public static TimeSpan TickLengthFor(TimeSpan deadTime) => deadTime / TicksPerDeadTime < LongestTick ? deadTime / TicksPerDeadTime : LongestTick;

    /// <summary>The running time at the last tick.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>How late the last tick came: the process's own scheduling lag.</summary>
    public TimeSpan Lag { get; private set; }

    /// <summary>Called regularly.</summary>
    public void Tick()
    {
        var now = time.GetTimestamp();
        var elapsed = time.GetElapsedTime(_last, now);
        _last = now;
        var longest = tickLength * MaximumTicks;
        Lag = elapsed > tickLength ? elapsed - tickLength : TimeSpan.Zero;
        Now += elapsed < longest ? elapsed : longest;
    }
}
