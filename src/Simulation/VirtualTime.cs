namespace DistTrain.Simulation;

/// <summary>The clock of a simulated world, and what is to happen when: by time, and at equal times in the order it was planned.</summary>
internal sealed class VirtualTime : TimeProvider
{
    private static readonly DateTimeOffset Origin = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<Action, (TimeSpan At, long Number)> _plan = new();
    private long _planned;

    /// <summary>Since the world began.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>How much has happened.</summary>
    public long Events { get; private set; }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp() => Now.Ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => Origin + Now;

    /// <summary>Plans something.</summary>
    public void After(TimeSpan delay, Action happen) => _plan.Enqueue(happen, (Now + delay, _planned++));

    /// <summary>Lets the next thing happen.</summary>
    /// <returns>False if nothing is planned.</returns>
    public bool RunNext()
    {
        if (!_plan.TryDequeue(out var happen, out var when))
        {
            return false;
        }

        Now = when.At;
        Events++;
        happen();
        return true;
    }
}
