using System.Globalization;

namespace DistTrain.Cli.Runs;

/// <summary>When a run saves by itself, besides at its end: after every so many steps, or after every so many seconds.</summary>
/// <param name="Steps">0 for no such rule.</param>
/// <param name="Interval"><see cref="TimeSpan.MaxValue"/> for no such rule.</param>
public sealed record CheckpointRule(long Steps, TimeSpan Interval)
{
    /// <summary>Every 30 seconds: what a crash costs at most.</summary>
    public static CheckpointRule Default { get; } = new(0, TimeSpan.FromSeconds(30));

    private const double LongestSeconds = 1e6;

    /// <summary>Reads <c>500</c> (steps), <c>30s</c> (seconds) or <c>off</c>.</summary>
    /// <exception cref="FormatException">It is none of these.</exception>
    public static CheckpointRule Parse(string text)
    {
        if (text == "off")
        {
            return new CheckpointRule(0, TimeSpan.MaxValue);
        }

        if (text.EndsWith('s') && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > 0 and <= LongestSeconds)
        {
            return new CheckpointRule(0, TimeSpan.FromSeconds(seconds));
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var steps) && steps > 0
            ? new CheckpointRule(steps, TimeSpan.MaxValue)
            : throw new FormatException("a number of steps (500), of seconds (30s), or off.");
    }
}
