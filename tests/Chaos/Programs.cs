namespace DistTrain.Chaos;

/// <summary>What this program starts.</summary>
internal static class Programs
{
    /// <summary>The program under test, beside this one.</summary>
    public static string DistTrain { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "disttrain.exe" : "disttrain");

    /// <summary>This program, to be started again as a worker with a fault.</summary>
    public static string Self { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "DistTrain.Chaos.exe" : "DistTrain.Chaos");

    /// <summary>Makes sure that the program under test has an option.</summary>
    /// <exception cref="RowNotRunException">It has not.</exception>
    public static async Task RequireAsync(string verb, string option)
    {
        var help = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await using var process = ChaosProcess.Start([DistTrain, verb, "--help"], "help", NoEnvironment, help.Enqueue);
        await process.ExitAsync(TimeSpan.FromSeconds(30));
        if (!help.Any(line => line.Contains(option, StringComparison.Ordinal)))
        {
            throw new RowNotRunException($"this build has no {verb} {option}");
        }
    }

    /// <summary>Nothing beside this process's own environment.</summary>
    public static IReadOnlyDictionary<string, string> NoEnvironment { get; } = new Dictionary<string, string>();
}
