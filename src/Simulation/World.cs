using DistTrain.Coordinator;
using DistTrain.Transport.Wire;

namespace DistTrain.Simulation;

/// <summary>A rule was broken; the message says which.</summary>
internal sealed class ViolationException(string message) : Exception(message);

/// <summary>Everything of one simulation: a clock, chance, a disk, a network, and the processes of one run.</summary>
internal sealed class World : IDisposable
{
    private static readonly TimeSpan RestartDelay = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan FarewellBound = TimeSpan.FromSeconds(30);

    private readonly List<SimulatedCoordinator> _coordinators = [];
    private readonly FaultInjector _injector;
    private int _coordinatorsStarted;
    private TimeSpan? _healedAt;

    /// <summary>A world at its beginning.</summary>
    public World(ulong seed, Mutation mutation, Action<string>? listener)
    {
        Mutation = mutation;
        Dice = new Dice(seed);
        Trace = new Trace(Time) { Listener = listener };
        Scenario = Scenario.Roll(Dice).With(mutation);
        Disk = new SimulatedDisk(Dice);
        Rules = new SafetyRules(this);
        Laboratory = new Laboratory(this);
        Slots = [.. Enumerable.Range(1, Scenario.Workers).Select(number => new WorkerSlot(this, number) { IsLiar = number <= Scenario.LyingWorkers })];
        Liars = [.. Slots.Where(slot => slot.IsLiar).Select(slot => slot.Name)];
        _injector = new FaultInjector(this);
    }

    /// <summary>The clock.</summary>
    public VirtualTime Time { get; } = new();

    /// <summary>Chance.</summary>
    public Dice Dice { get; }

    /// <summary>What has happened.</summary>
    public Trace Trace { get; }

    /// <summary>Which faults and ways of recovery have happened.</summary>
    public Coverage Coverage { get; } = new();

    /// <summary>What is simulated.</summary>
    public Scenario Scenario { get; }

    /// <summary>Which safeguard is missing.</summary>
    public Mutation Mutation { get; }

    /// <summary>The storage.</summary>
    public SimulatedDisk Disk { get; }

    /// <summary>What must hold.</summary>
    public SafetyRules Rules { get; }

    /// <summary>Where workers compute.</summary>
    public Laboratory Laboratory { get; }

    /// <summary>The workers.</summary>
    public IReadOnlyList<WorkerSlot> Slots { get; }

    /// <summary>The names of those that lie.</summary>
    public HashSet<string> Liars { get; }

    /// <summary>Open connections.</summary>
    public List<Link> Links { get; } = [];

    /// <summary>The coordinator that workers find; null before the first.</summary>
    public SimulatedCoordinator? Address { get; set; }

    /// <summary>Whether a coordinator has completed the run.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The coordinators' processes.</summary>
    public IReadOnlyList<SimulatedCoordinator> Coordinators => _coordinators;

    /// <summary>A rule was broken.</summary>
    public void Violate(string rule)
    {
        Trace.Add($"VIOLATION {rule}");
        throw new ViolationException(rule);
    }

    /// <summary>A fault struck.</summary>
    public void Struck(FaultKind kind, WorkerSlot? slot = null)
    {
        Coverage.Struck(kind);
        Trace.Add($"*** {kind} {slot?.Name}");
    }

    /// <summary>A way of recovery was taken.</summary>
    public void Took(RecoveryBranch branch) => Coverage.Took(branch);

    /// <summary>Lets everything happen: faults, the healing, and the end of the run.</summary>
    public void Run()
    {
        Trace.Add($"{Scenario.Workers} workers, {Scenario.LyingWorkers} lie; {Scenario.Spec.TotalSteps} steps of {Scenario.Spec.ShardCount} shards; {string.Join(' ', Scenario.Faults)}");
        StartCoordinator("host-1");
        foreach (var slot in Slots)
        {
            slot.Start();
        }

        _injector.Start();
        Time.After(Scenario.FaultyTime, Heal);
        while (!IsComplete || _coordinators.Count > 0)
        {
            Advance(Scenario.CompletionBound, "the run is not complete");
        }

        var completedAt = Time.Now;
        Heal();
        while (Links.Count > 0 && Time.Now - completedAt < FarewellBound && Time.RunNext())
        {
        }

        if (Links.Count > 0)
        {
            Violate($"{Links[0].Slot.Name} is still attached {FarewellBound.TotalSeconds} s after the end of the run");
        }

        Rules.Finished();
    }

    /// <summary>Starts a coordinator.</summary>
    public void StartCoordinator(string host)
    {
        var coordinator = new SimulatedCoordinator(this, $"c{++_coordinatorsStarted}", host);
        _coordinators.Add(coordinator);
        coordinator.Start();
    }

    /// <summary>A coordinator's process has ended: if none is left and the run is not complete, somebody starts another.</summary>
    public void CoordinatorEnded(SimulatedCoordinator coordinator, CoordinatorEnding ending)
    {
        Trace.Add($"a coordinator on {coordinator.Host} has ended: {ending}");
        _coordinators.Remove(coordinator);
        IsComplete |= ending == CoordinatorEnding.Completed;
        if (!IsComplete && _coordinators.Count == 0)
        {
            Time.After(RestartDelay * (1 + Dice.Unit()), () =>
            {
                if (!IsComplete && _coordinators.Count == 0)
                {
                    StartCoordinator(coordinator.Host);
                }
            });
        }
    }

    /// <summary>A heartbeat goes to the coordinator and its answer back; each may be blocked, and is lost then.</summary>
    public void Heartbeat(Link link, HeartbeatRequest request, Action<HeartbeatReply> answered)
    {
        var slot = link.Slot;
        Time.After(slot.Latency(), () =>
        {
            var coordinator = link.Coordinator.IsAlive ? link.Coordinator : Address;
            if (slot.IsUpBlocked || coordinator is not { IsListening: true })
            {
                return;
            }

            coordinator.Do(() =>
            {
                var reply = coordinator.Heartbeat(request);
                Time.After(slot.Latency(), () =>
                {
                    if (!slot.IsDownBlocked)
                    {
                        link.Worker.Do(() => answered(reply));
                    }
                });
            });
        });
    }

    /// <inheritdoc/>
    public void Dispose() => Laboratory.Dispose();

    private void Advance(TimeSpan bound, string otherwise)
    {
        if (_healedAt is { } healed && Time.Now - healed > bound)
        {
            Violate($"{otherwise} {bound.TotalSeconds} s after everything was healed");
        }

        if (!Time.RunNext())
        {
            Violate($"{otherwise}, and nothing is left to happen");
        }
    }

    private void Heal()
    {
        if (_healedAt is not null)
        {
            return;
        }

        _healedAt = Time.Now;
        Trace.Add($"everything is healed");
        _injector.Heal();
    }
}
