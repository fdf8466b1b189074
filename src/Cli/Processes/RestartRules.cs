namespace DistTrain.Cli.Processes;

/// <summary>
/// When a worker process that has ended is started again, decided purely: after 0.1 s, then twice as long each time up to 10 s, each wait shortened by a
/// random part up to a half; from 0.1 s again once one has been up for 10 s.
/// </summary>
/// <param name="random">For the random part; uniform in [0, 1).</param>
internal sealed class RestartRules(Func<double> random)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongEnough = TimeSpan.FromSeconds(10);

    private TimeSpan _next = Shortest;

    /// <summary>Whether a worker that ends so is not started again: it was refused for good, or cannot use its options.</summary>
    public static bool IsFinal(int exitCode) => exitCode == ExitCode.WrongUse;

    /// <summary>How long to wait.</summary>
    /// <param name="up">How long the process that has ended was there.</param>
    public TimeSpan Next(TimeSpan up)
    {
        var basis = up >= LongEnough ? Shortest : _next;
        _next = basis * 2 < Longest ? basis * 2 : Longest;
        return basis * (1 - (random() / 2));
    }
}
