namespace DistTrain.Chaos;

/// <summary>One fault, caused in a real cluster, and what must hold.</summary>
/// <param name="Id">As in docs/faults.md.</param>
/// <param name="Fault">In words.</param>
/// <param name="IsFast">Belongs to the tier of every change.</param>
/// <param name="RunAsync">Causes the fault and checks; throws what is wrong, or why it cannot be run.</param>
internal sealed record Row(string Id, string Fault, bool IsFast, Func<RowContext, Task> RunAsync);

/// <summary>What a row works with, and what it counts.</summary>
/// <param name="calm">Runs without faults.</param>
/// <param name="directory">For this row alone.</param>
/// <param name="seed">Of its random choices.</param>
internal sealed class RowContext(CalmRuns calm, string directory, int seed)
{
    private readonly List<string> _fired = [];
    private int _injected;
    private int _runs;

    /// <summary>The row's random choices.</summary>
    public Random Random { get; } = new(seed);

    /// <summary>Runs without faults.</summary>
    public CalmRuns Calm => calm;

    /// <summary>For this row alone; exists.</summary>
    public string Directory => directory;

    /// <summary>How often the fault has happened.</summary>
    public int Injected => Volatile.Read(ref _injected);

    /// <summary>The longest time without a step.</summary>
    public TimeSpan Stall { get; private set; }

    /// <summary>Measurements worth a line.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>The fault has happened, and this is what it did.</summary>
    public void Fired(string what)
    {
        Fired();
        lock (_fired)
        {
            _fired.Add(what);
        }
    }

    /// <summary>What the faults did whose text begins so.</summary>
    public int FiredCount(string prefix)
    {
        lock (_fired)
        {
            return _fired.Count(what => what.StartsWith(prefix, StringComparison.Ordinal));
        }
    }

    /// <summary>The fault has happened.</summary>
    public void Fired() => Interlocked.Increment(ref _injected);

    /// <summary>Counts a stall.</summary>
    public void Stalled(TimeSpan time) => Stall = time > Stall ? time : Stall;

    /// <summary>A cluster for a run, with a directory of its own.</summary>
    public Cluster Cluster(BaseRun run) => new(run, Path.Combine(directory, FormattableString.Invariant($"run-{++_runs}")));

    /// <summary>Fails the row if something does not hold.</summary>
    public static void Expect(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new RowFailedException(otherwise);
        }
    }

    /// <summary>O6: the fault happened as often as planned.</summary>
    public void ExpectFired(int atLeast) => Expect(Injected >= atLeast, $"O6: the fault happened {Injected} times, {atLeast} were planned");
}
