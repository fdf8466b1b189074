namespace DistTrain.Simulation;

/// <summary>How a simulation ended.</summary>
/// <param name="Seed">Which.</param>
/// <param name="Mutation">Which safeguard was left out.</param>
/// <param name="Violation">The rule that was broken; null if none was.</param>
/// <param name="LastLines">The end of the trace.</param>
/// <param name="TraceHash">Of the whole trace: equal for equal seeds.</param>
/// <param name="Coverage">Which faults and ways of recovery happened.</param>
/// <param name="VirtualTime">How long it took in the simulated world.</param>
/// <param name="Events">How much happened.</param>
public sealed record SimulationResult(
    ulong Seed, Mutation Mutation, string? Violation, IReadOnlyList<string> LastLines, UInt128 TraceHash, Coverage Coverage, TimeSpan VirtualTime, long Events)
{
    /// <summary>The command that does the same again.</summary>
    public string ReplayCommand => FormattableString.Invariant($"disttrain simulate --seed {Seed}{(Mutation == Mutation.None ? "" : $" --mutation {Mutation}")}");
}

/// <summary>
/// Runs the product's rules of coordinator, worker, wire and checkpoint in one thread under a virtual clock, with faults in network, disk and
/// processes that follow from a seed alone, and checks what must hold (docs/faults.md).
/// </summary>
public static class Simulator
{
    /// <summary>Simulates one seed.</summary>
    /// <param name="seed">Everything follows from it.</param>
    /// <param name="mutation">A safeguard to leave out.</param>
    /// <param name="listener">Told each line of the trace; may be null.</param>
    public static SimulationResult Run(ulong seed, Mutation mutation = Mutation.None, Action<string>? listener = null)
    {
        using var world = new World(seed, mutation, listener);
        string? violation = null;
        try
        {
            world.Run();
        }
        catch (ViolationException e)
        {
            violation = e.Message;
        }
#pragma warning disable CA1031 // Whatever the product throws under faults is a finding of this seed.
        catch (Exception e)
#pragma warning restore CA1031
        {
            violation = $"{e.GetType().Name}: {e.Message}";
            world.Trace.Add($"VIOLATION {violation}");
        }

        return new SimulationResult(seed, mutation, violation, world.Trace.Last, world.Trace.Hash, world.Coverage, world.Time.Now, world.Time.Events);
    }
}
