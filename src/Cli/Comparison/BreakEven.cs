namespace DistTrain.Cli.Comparison;

/// <summary>The time of a step as a line over the batch size: fixed + per sample × batch.</summary>
/// <param name="FixedMicroseconds">Whatever the batch size.</param>
/// <param name="PerSampleMicroseconds">Each further sample.</param>
public sealed record StepLine(double FixedMicroseconds, double PerSampleMicroseconds)
{
    /// <summary>The line through two measured points.</summary>
    /// <exception cref="ArgumentException">They have one batch size.</exception>
    public static StepLine Through((int BatchSize, double Microseconds) low, (int BatchSize, double Microseconds) high)
    {
        if (low.BatchSize == high.BatchSize)
        {
            throw new ArgumentException($"Two points at batch size {low.BatchSize} give no line.", nameof(high));
        }

        var perSample = (high.Microseconds - low.Microseconds) / (high.BatchSize - low.BatchSize);
        return new StepLine(low.Microseconds - (perSample * low.BatchSize), perSample);
    }
}

/// <summary>From which batch size on a contender is faster than a baseline.</summary>
/// <param name="Baseline">The baseline.</param>
/// <param name="Smallest">The smallest batch size that was measured.</param>
/// <param name="Largest">The largest.</param>
public sealed record BreakEven(Contender Baseline, int Smallest, int Largest)
{
    /// <summary>The break-even, by the lines through the two neighbouring batch sizes between which the contender becomes faster; null if there are none.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Whether the contender is faster at every batch size that was measured.</summary>
    public bool PaysEverywhere { get; init; }

    /// <summary>
    /// Where the lines cross although the contender was faster nowhere: above what was measured, or within the noise. Null if they do not, or only far above.
    /// </summary>
    public int? Unproven { get; init; }

    /// <summary>The baseline's line; null if it is unknown.</summary>
    public StepLine? BaselineLine { get; init; }

    /// <summary>The contender's line.</summary>
    public StepLine? ContenderLine { get; init; }

    /// <summary>The contender against the baseline, measured at <see cref="BatchSize"/>; null if it was not.</summary>
    public Contrast? Verification { get; init; }

    /// <summary>Lines that cross at more than so many times the largest measured batch size are as good as parallel.</summary>
    private const int TrustedFactor = 4;

    /// <summary>Finds it.</summary>
    /// <param name="contender">Who is to become faster.</param>
    /// <param name="baseline">Than whom.</param>
    /// <param name="sittings">Measured, at least two batch sizes, in any order; what has no rates is passed over.</param>
    /// <returns>Null if fewer than two batch sizes have rates.</returns>
    public static BreakEven? Find(Contender contender, Contender baseline, IEnumerable<Sitting> sittings)
    {
        var measured = sittings
            .Where(sitting => sitting.Compare(contender, baseline) is not null)
            .OrderBy(sitting => sitting.BatchSize)
            .ToList();
        if (measured.Count < 2)
        {
            return null;
        }

        var found = new BreakEven(baseline, measured[0].BatchSize, measured[^1].BatchSize);
        var faster = measured.ConvertAll(sitting => sitting.Compare(contender, baseline)!.Outcome == Outcome.Faster);
        if (faster.TrueForAll(isFaster => isFaster))
        {
            return found.WithLines(contender, measured[0], measured[1]) with { PaysEverywhere = true };
        }

        // The last of those that are not faster, if all above it are: one that is faster below it is no beginning of anything.
        var last = faster.LastIndexOf(false);
        if (last < measured.Count - 1)
        {
            var (low, high) = (measured[last], measured[last + 1]);
            var between = found.WithLines(contender, low, high);
            // Lines with medians that say "faster" at both ends cross below the lower one, which is within the noise of being so.
            return between with { BatchSize = (int)Math.Round(Math.Clamp(between.Crossing() ?? low.BatchSize, low.BatchSize, high.BatchSize)) };
        }

        var above = found.WithLines(contender, measured[^2], measured[^1]);
        return above with
        {
            Unproven = above.Crossing() is { } crossing && crossing > measured[^2].BatchSize && crossing <= (double)TrustedFactor * found.Largest ? (int)Math.Round(crossing) : null,
        };
    }

    /// <summary>Where the contender's line falls below the baseline's; null if it does not.</summary>
    private double? Crossing()
    {
        var saved = BaselineLine!.PerSampleMicroseconds - ContenderLine!.PerSampleMicroseconds;
        return saved > 0 ? (ContenderLine.FixedMicroseconds - BaselineLine.FixedMicroseconds) / saved : null;
    }

    private BreakEven WithLines(Contender contender, Sitting low, Sitting high) => this with
    {
        BaselineLine = LineOf(Baseline, low, high),
        ContenderLine = LineOf(contender, low, high),
    };

    private static StepLine LineOf(Contender who, Sitting low, Sitting high) => StepLine.Through(
        (low.BatchSize, low.Of(who).StepMicroseconds!.Value), (high.BatchSize, high.Of(who).StepMicroseconds!.Value));
}
