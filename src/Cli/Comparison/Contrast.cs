namespace DistTrain.Cli.Comparison;

/// <summary>How two rates compare.</summary>
public enum Outcome
{
    /// <summary>Their difference is within the noise of the runs.</summary>
    NoDifference,

    /// <summary>The first is higher, beyond the noise.</summary>
    Faster,

    /// <summary>The first is lower, beyond the noise.</summary>
    Slower,
}

/// <summary>One rate against another, judged by medians and the spread of the runs behind them.</summary>
/// <param name="Ratio">Median ÷ median.</param>
/// <param name="Noise">A ratio that differs from 1 by less than this, as a fraction, is no difference.</param>
public sealed record Contrast(double Ratio, double Noise)
{
    /// <summary>Differences below this are never told apart: a program against itself differs by as much.</summary>
    public const double LeastNoise = 0.02;

    /// <summary>A single run has no spread that could be seen; on a shared machine two runs of one program differ by as much.</summary>
    private const double NoiseOfSingleRuns = 0.1;

    /// <summary>A median's standard error is so many times a mean's, for normal errors.</summary>
    private const double MedianOverMean = 1.2533;

    /// <summary>Standard errors beyond which a difference counts: about 1 in 9 by chance with three runs each, 1 in 20 with many.</summary>
    private const double StandardErrors = 2;

    /// <summary>What it comes to.</summary>
    public Outcome Outcome => Math.Abs(Math.Log(Ratio)) <= Math.Log(1 + Noise) ? Outcome.NoDifference : Ratio > 1 ? Outcome.Faster : Outcome.Slower;

    /// <summary>Compares.</summary>
    /// <param name="rates">Of one contender's runs, above 0, at least one.</param>
    /// <param name="others">Of the other's.</param>
    public static Contrast Of(IReadOnlyList<double> rates, IReadOnlyList<double> others)
    {
        var noise = rates.Count == 1 || others.Count == 1
            ? NoiseOfSingleRuns
            : StandardErrors * Math.Sqrt(SquaredError(rates) + SquaredError(others));
        return new Contrast(Median(rates) / Median(others), Math.Max(LeastNoise, noise));
    }

    /// <summary>The middle value; of an even number the mean of the two in the middle.</summary>
    public static double Median(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    /// <summary>The square of the standard error of the median of logarithms.</summary>
    private static double SquaredError(IReadOnlyList<double> values)
    {
        var logarithms = values.Select(value => Math.Log(value)).ToList();
        var mean = logarithms.Average();
        var variance = logarithms.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1);
        return MedianOverMean * MedianOverMean * variance / values.Count;
    }
}
