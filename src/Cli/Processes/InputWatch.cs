namespace DistTrain.Cli.Processes;

/// <summary>For a process started by this program: ends it when its standard input closes, which says that its parent is gone or done.</summary>
public static class InputWatch
{
    /// <summary>After the input has closed, a process that does not end in order within this time ends at once.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.8);

    /// <summary>Held, so that it is not collected before it fires.</summary>
    private static ITimer? _deadline;

    /// <summary>Begins to watch.</summary>
    /// <param name="stop">Asked when the input has closed.</param>
    /// <param name="time">The clock.</param>
    /// <param name="take">Takes the lines that come before; null ignores them.</param>
    public static void Start(StopRequest stop, TimeProvider time, Action<string>? take = null)
    {
        // A thread of its own: reading a pipe blocks, and must not keep the process alive.
        new Thread(() => Watch(stop, time, take)) { IsBackground = true, Name = "input watch" }.Start();
    }

    private static void Watch(StopRequest stop, TimeProvider time, Action<string>? take)
    {
        using var input = new StreamReader(Console.OpenStandardInput());
        while (input.ReadLine() is { } line)
        {
            take?.Invoke(line);
        }

        _deadline = time.CreateTimer(_ => Environment.Exit(ExitCode.Terminated), null, Patience, Timeout.InfiniteTimeSpan);
        stop.Ask(ExitCode.Terminated);
    }
}
