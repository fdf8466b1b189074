using System.Diagnostics;

namespace DistTrain.Simulation.Tests;

/// <summary>Five hundred runs under random faults, and the proof that they would show what is wrong.</summary>
public sealed class SimulatorTests
{
    private const int Seeds = 500;
    private const int SeedsPerMutation = 300;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    public static TheoryData<Mutation> Mutations => [.. Enum.GetValues<Mutation>().Where(mutation => mutation != Mutation.None)];

    [Fact]
    public void Run_FiveHundredSeeds_HoldEveryRuleAndTakeEveryWayOfRecovery()
    {
        using var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        var results = new SimulationResult[Seeds];
        Parallel.For(0, Seeds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i => results[i] = Simulator.Run((ulong)i + 1));

        var broken = results.FirstOrDefault(result => result.Violation is not null);
        Assert.True(broken is null, broken is null ? "" : $"{broken.Violation}\n{string.Join('\n', broken.LastLines)}\n{broken.ReplayCommand}");
        var coverage = new Coverage();
        foreach (var result in results)
        {
            coverage.Add(result.Coverage);
        }

        Assert.Empty(coverage.Missing);
        // Of a processor, so that others on the machine do not count; the wall clock of a quiet machine shows less.
        process.Refresh();
        var took = process.TotalProcessorTime - before;
        Assert.True(took < Bound, $"{Seeds} seeds took {took.TotalSeconds:0.0} s.");
    }

    /// <summary>The command that a failure prints does the same again: every line, in this process or another.</summary>
    [Fact]
    public void Run_SameSeedTwice_GivesTheSameTrace()
    {
        for (var seed = 1UL; seed <= 20; seed++)
        {
            var (first, second) = (new List<string>(), new List<string>());
            var one = Simulator.Run(seed, listener: first.Add);
            var two = Simulator.Run(seed, listener: second.Add);

            Assert.Equal(first, second);
            Assert.Equal(one.TraceHash, two.TraceHash);
            Assert.Equal(one.Events, two.Events);
            Assert.NotEqual(one.TraceHash, Simulator.Run(seed + 1).TraceHash);
        }
    }

    [Theory]
    [MemberData(nameof(Mutations))]
    public void Run_WithoutASafeguard_BreaksARule(Mutation mutation)
    {
        var found = Enumerable.Range(1, SeedsPerMutation).Select(seed => Simulator.Run((ulong)seed, mutation)).FirstOrDefault(result => result.Violation is not null);

        Assert.True(found is not null, $"{SeedsPerMutation} seeds do not miss it.");
        TestContext.Current.SendDiagnosticMessage($"{mutation}: seed {found.Seed}: {found.Violation}");
        // It is the missing safeguard that breaks the rule, and it does so again.
        Assert.Null(Simulator.Run(found.Seed).Violation);
        var again = Simulator.Run(found.Seed, mutation);
        Assert.Equal((found.Violation, found.TraceHash), (again.Violation, again.TraceHash));
        Assert.Contains("VIOLATION", found.LastLines[^1], StringComparison.Ordinal);
        Assert.Equal($"disttrain simulate --seed {found.Seed} --mutation {mutation}", found.ReplayCommand);
    }
}
