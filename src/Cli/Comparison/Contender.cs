namespace DistTrain.Cli.Comparison;

/// <summary>One way to compute a training, to be compared with others.</summary>
/// <param name="Workers">Processes that compute; 0 for one process without coordinator.</param>
/// <param name="Threads">Of each, at least 1.</param>
public sealed record Contender(int Workers, int Threads)
{
    /// <summary>Compute threads of all processes together.</summary>
    public int AllThreads => Math.Max(1, Workers) * Threads;

    /// <summary>Whether there is a coordinator, with workers.</summary>
    public bool IsDistributed => Workers > 0;

    /// <summary>In words: "2 workers of 1 thread", "one process with 2 threads".</summary>
    public string Name => IsDistributed
        ? FormattableString.Invariant($"{Workers} {(Workers == 1 ? "worker" : "workers")} of {Count(Threads)}")
        : $"one process with {Count(Threads)}";

    /// <summary>The part of a run directory's name that says it.</summary>
    public string DirectoryName => FormattableString.Invariant($"workers-{Workers}-threads-{Threads}");

    private static string Count(int threads) => threads == 1 ? "1 thread" : FormattableString.Invariant($"{threads} threads");
}

/// <summary>Who is compared with whom, purely.</summary>
public static class ContenderRules
{
    /// <summary>One process with one thread: what every speed-up is against.</summary>
    public static Contender OneThread { get; } = new(0, 1);

    /// <summary>
    /// Those asked for and, whether asked for or not, both baselines of each: one process with one thread, and one process with as many threads as its
    /// workers have together. Each once, the single processes first.
    /// </summary>
    /// <param name="counts">Worker counts.</param>
    /// <param name="threads">Of each process as a function of the worker count, at least 1.</param>
    /// <param name="cores">Of this machine.</param>
    public static IReadOnlyList<Contender> Of(IReadOnlyList<int> counts, Func<int, int> threads, int cores)
    {
        var asked = counts.Select(count => new Contender(count, threads(count))).ToList();
        return
        [
            .. asked.Where(contender => !contender.IsDistributed)
                .Concat(asked.Select(contender => SameThreads(contender, cores)))
                .Append(OneThread)
                .Distinct()
                .OrderBy(contender => contender.Threads),
            .. asked.Where(contender => contender.IsDistributed).OrderBy(contender => contender.Workers),
        ];
    }

    /// <summary>
    /// One process with as many threads as a contender has in all; where those are more than there are cores, with as many as there are cores (or as one of
    /// its processes has): more would only get in each other's way, and flatter the workers.
    /// </summary>
    public static Contender SameThreads(Contender contender, int cores) =>
        new(0, Math.Min(contender.AllThreads, Math.Max(cores, contender.Threads)));
}
