using System.Globalization;

namespace DistTrain.Chaos;

/// <summary>A control group with a share of one core. Disposing lifts it.</summary>
internal sealed class CpuQuota : IDisposable
{
    private const int PeriodMicroseconds = 100_000;
    private const string Root = "/sys/fs/cgroup";

    private readonly string _path;
    private readonly bool _isUnified;

    private CpuQuota(string path, bool isUnified) => (_path, _isUnified) = (path, isUnified);

    /// <summary>An empty group.</summary>
    /// <param name="cores">What all its processes get together.</param>
    /// <exception cref="RowNotRunException">This machine does not let us.</exception>
    public static CpuQuota Create(double cores)
    {
        var isUnified = File.Exists(Path.Combine(Root, "cgroup.controllers")) && File.ReadAllText(Path.Combine(Root, "cgroup.controllers")).Contains("cpu", StringComparison.Ordinal);
        var parent = isUnified ? Root : Path.Combine(Root, "cpu");
        var path = Path.Combine(parent, FormattableString.Invariant($"disttrain-chaos-{Environment.ProcessId}"));
        var microseconds = ((int)(cores * PeriodMicroseconds)).ToString(CultureInfo.InvariantCulture);
        try
        {
            if (!Directory.Exists(parent))
            {
                throw new RowNotRunException("no control groups for processors here");
            }

            Directory.CreateDirectory(path);
            var group = new CpuQuota(path, isUnified);
            group.Write(isUnified ? "cpu.max" : "cpu.cfs_quota_us", isUnified ? $"{microseconds} {PeriodMicroseconds}" : microseconds);
            return group;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RowNotRunException($"no control group can be made: {e.Message}");
        }
    }

    /// <summary>Puts a process into it.</summary>
    public void Add(int processId) => Write("cgroup.procs", processId.ToString(CultureInfo.InvariantCulture));

    /// <summary>How often it was held back.</summary>
    public int ThrottledTimes() => int.Parse(
        File.ReadLines(Path.Combine(_path, "cpu.stat")).First(line => line.StartsWith("nr_throttled ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    /// <summary>As much as there is, from now on.</summary>
    public void Lift() => Write(_isUnified ? "cpu.max" : "cpu.cfs_quota_us", _isUnified ? "max" : "-1");

    /// <inheritdoc/>
    public void Dispose()
    {
        // A group with processes in it cannot be removed: they go back to where all are.
        foreach (var process in File.ReadAllLines(Path.Combine(_path, "cgroup.procs")))
        {
            File.WriteAllText(Path.Combine(Path.GetDirectoryName(_path)!, "cgroup.procs"), process);
        }

        Directory.Delete(_path);
    }

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_path, file), text);
}
