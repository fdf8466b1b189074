using System.Globalization;

namespace DistTrain.Chaos;

/// <summary>What a process takes of the system. Zero everywhere where there is no /proc.</summary>
/// <param name="FileDescriptors">Open ones.</param>
/// <param name="ResidentBytes">Memory in use.</param>
/// <param name="Threads">Threads.</param>
internal readonly record struct ProcessUsage(int FileDescriptors, long ResidentBytes, int Threads)
{
    /// <summary>Of a process now.</summary>
    public static ProcessUsage Of(int processId)
    {
        if (!OperatingSystem.IsLinux())
        {
            return default;
        }

        var status = File.ReadAllLines($"/proc/{processId}/status");
        return new ProcessUsage(
            Directory.GetFileSystemEntries($"/proc/{processId}/fd").Length, Field(status, "VmRSS:") * 1024, (int)Field(status, "Threads:"));
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{FileDescriptors} descriptors, {ResidentBytes / 1e6:0.0} MB, {Threads} threads");

    private static long Field(string[] status, string name) =>
        long.Parse(status.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
