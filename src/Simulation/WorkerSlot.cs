namespace DistTrain.Simulation;

/// <summary>A place for a worker: its host, its network, and the process that runs there, one after the other.</summary>
internal sealed class WorkerSlot(World world, int number)
{
    private static readonly TimeSpan RestartDelay = TimeSpan.FromMilliseconds(300);

    private int _replacements;

    /// <summary>The name that a worker there keeps over its restarts.</summary>
    public string Name { get; private set; } = $"w{number}";

    /// <summary>The process there; null while there is none.</summary>
    public SimulatedWorker? Process { get; private set; }

    /// <summary>Nothing passes to the coordinator.</summary>
    public bool IsUpBlocked { get; set; }

    /// <summary>Nothing passes to the worker.</summary>
    public bool IsDownBlocked { get; set; }

    /// <summary>How many times longer messages take than usual.</summary>
    public double DelayFactor { get; set; } = 1;

    /// <summary>How many times longer computing takes than usual.</summary>
    public double SlowFactor { get; set; } = 1;

    /// <summary>Whether it computes wrong bits and signs them.</summary>
    public bool IsLiar { get; set; }

    /// <summary>Whether its build computes other bits, as its known answer says.</summary>
    public bool IsWrongBuild { get; set; }

    /// <summary>How many of its next partials hold NaN.</summary>
    public int NotFinitePartials { get; set; }

    /// <summary>How many of its next leases it dies of.</summary>
    public int LeasesToDieOf { get; set; }

    /// <summary>Whether the dataset is on its host.</summary>
    public bool HasDataset { get; set; } = world.Dice.Chance(0.7);

    /// <summary>The messages of partials sent from here, the newest last.</summary>
    public List<SentPartial> Sent { get; } = [];

    /// <summary>How long the next message takes.</summary>
    public TimeSpan Latency() => world.Dice.Milliseconds(1, 20) * DelayFactor;

    /// <summary>Starts a process.</summary>
    public void Start()
    {
        if (Process is null && !world.IsComplete)
        {
            Process = new SimulatedWorker(world, this);
            Process.Start();
        }
    }

    /// <summary>The process has ended; somebody starts another.</summary>
    /// <param name="exitCode">Of the process; 2 replaces the host, since that one is not wanted any more.</param>
    public void Ended(int exitCode)
    {
        world.Trace.Add($"{Name} ended with {exitCode}");
        Process = null;
        if (exitCode == DistTrain.Worker.WorkerOutcome.Refused)
        {
            Replace();
        }

        world.Time.After(RestartDelay * (1 + world.Dice.Unit()), Start);
    }

    /// <summary>What was blocked passes.</summary>
    public void Unblock()
    {
        (IsUpBlocked, IsDownBlocked) = (false, false);
        foreach (var link in world.Links.Where(link => link.Slot == this).ToArray())
        {
            link.Unblock();
        }
    }

    /// <summary>All is well there again; a host that lies stays the liar that it is until it is found out.</summary>
    public void Heal()
    {
        (DelayFactor, SlowFactor, NotFinitePartials, LeasesToDieOf, IsWrongBuild) = (1, 1, 0, 0, false);
        Unblock();
        Process?.Resume();
        Start();
    }

    private void Replace()
    {
        Name = $"w{number}{(char)('a' + _replacements++)}";
        (IsLiar, IsWrongBuild, NotFinitePartials, LeasesToDieOf, HasDataset) = (false, false, 0, 0, false);
    }
}
