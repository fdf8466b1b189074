using DistTrain.Core;

namespace DistTrain.Transport;

/// <summary>Durations as users write them.</summary>
public static class Seconds
{
    /// <summary>Longer than any run: more would overflow a timer somewhere.</summary>
    private const double Longest = 1e6;

    /// <summary>The duration.</summary>
    /// <param name="value">Seconds, above 0 and at most 10⁶.</param>
    /// <param name="option">What the user wrote it after, for the message.</param>
    /// <exception cref="InvalidInputException">It is not in range.</exception>
    public static TimeSpan Of(double value, string option) => value > 0 && value <= Longest
        ? TimeSpan.FromSeconds(value)
        : throw new InvalidInputException(FormattableString.Invariant($"{option} is {value} s; it must be above 0 and at most {Longest:0}."));
}
