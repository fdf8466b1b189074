namespace DistTrain.Simulation;

/// <summary>A process: what it does happens while it lives, and waits while it is stopped.</summary>
internal abstract class SimulatedProcess(VirtualTime time)
{
    private readonly Queue<Action> _waiting = new();

    /// <summary>Whether it has not ended.</summary>
    public bool IsAlive { get; private set; } = true;

    /// <summary>Whether it is stopped.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Something is to be done by it, now or when it goes on.</summary>
    public void Do(Action action)
    {
        if (IsAlive && IsPaused)
        {
            _waiting.Enqueue(action);
        }
        else if (IsAlive)
        {
            action();
        }
    }

    /// <summary>Something is to be done by it later.</summary>
    public void After(TimeSpan delay, Action action) => time.After(delay, () => Do(action));

    /// <summary>Stops it.</summary>
    public void Pause() => IsPaused = true;

    /// <summary>Lets it go on with what has come meanwhile.</summary>
    public void Resume()
    {
        IsPaused = false;
        while (IsAlive && !IsPaused && _waiting.TryDequeue(out var action))
        {
            action();
        }
    }

    /// <summary>It has ended.</summary>
    protected void End() => IsAlive = false;
}
