namespace DistTrain.Chaos;

/// <summary>What this program starts.</summary>
internal static class Programs
{
    /// <summary>The program under test, beside this one.</summary>
    public static string DistTrain { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "disttrain.exe" : "disttrain");

    /// <summary>This program, to be started again as a worker with a fault.</summary>
    public static string Self { get; } = Environment.ProcessPath!;

    /// <summary>Nothing beside this process's own environment.</summary>
    public static IReadOnlyDictionary<string, string> NoEnvironment { get; } = new Dictionary<string, string>();
}
