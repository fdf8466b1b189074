namespace DistTrain.Cli.Data;

/// <summary>How long a mirror may take for one file before the next one is tried.</summary>
/// <param name="Silence">Longest time without a byte, from the connection on; 20 s by default.</param>
/// <param name="Total">Longest time for the whole file; 10 min by default, enough for 10 MB at 140 kbit/s.</param>
public sealed record DownloadLimits(TimeSpan Silence, TimeSpan Total)
{
    /// <summary>The defaults.</summary>
    public static DownloadLimits Default { get; } = new(TimeSpan.FromSeconds(20), TimeSpan.FromMinutes(10));
}
