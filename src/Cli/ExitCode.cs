namespace DistTrain.Cli;

/// <summary>What the process says when it ends. Scripts rely on these numbers.</summary>
public static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Training failed, a check did not pass, or something unforeseen happened.</summary>
    public const int Failed = 1;

    /// <summary>Wrong use, configuration or input.</summary>
    public const int WrongUse = 2;

    /// <summary>Not enough workers in time; for a worker: no coordinator.</summary>
    public const int NotEnoughWorkers = 3;

    /// <summary>Stopped after a durable checkpoint: start me again.</summary>
    public const int Checkpointed = 75;

    /// <summary>128 + SIGINT (2).</summary>
    public const int Interrupted = 130;

    /// <summary>128 + SIGTERM (15).</summary>
    public const int Terminated = 143;

    /// <summary>128 + SIGUSR1 (10, its number on Linux).</summary>
    public const int Warned = 138;

    /// <summary>The signal that an exit code stands for.</summary>
    public static string SignalOf(int exitCode) => exitCode switch
    {
        Interrupted => "SIGINT",
        Warned => "SIGUSR1",
        _ => "SIGTERM",
    };
}
