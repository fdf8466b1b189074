using System.Globalization;

namespace DistTrain.Bench.Wire;

/// <summary>What a process has used since it started.</summary>
/// <param name="AllocatedBytes">Of managed memory.</param>
/// <param name="Processor">Time of all its threads, the system's part in it included.</param>
internal readonly record struct Usage(long AllocatedBytes, TimeSpan Processor)
{
    /// <summary>This process'.</summary>
    public static Usage Own => new(GC.GetTotalAllocatedBytes(), Environment.CpuUsage.TotalTime);

    /// <summary>What was used between two moments.</summary>
    public static Usage operator -(Usage after, Usage before) => new(after.AllocatedBytes - before.AllocatedBytes, after.Processor - before.Processor);

    /// <summary>The inverse of <see cref="ToText"/>.</summary>
    public static Usage Parse(string text)
    {
        var parts = text.Split(' ');
        return new Usage(long.Parse(parts[0], CultureInfo.InvariantCulture), new TimeSpan(long.Parse(parts[1], CultureInfo.InvariantCulture)));
    }

    /// <summary>As a text for the wire.</summary>
    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"{AllocatedBytes} {Processor.Ticks}");
}
