using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Comparison;

/// <summary>One finished run.</summary>
/// <param name="Completed">Its result.</param>
/// <param name="Times">Its median step; null if it measured none.</param>
/// <param name="BatchSize">Samples per step.</param>
public sealed record ComparedRun(Completed Completed, StepTimes? Times, int BatchSize)
{
    /// <summary>Samples per second after the warm-up; null if the run was too short to tell.</summary>
    public double? Rate => Times?.SamplesPerSecond ?? Completed.SamplesPerSecond;
}

/// <summary>What the runs of one contender with one batch size came to.</summary>
/// <param name="Contender">Who.</param>
/// <param name="BatchSize">Samples per step.</param>
/// <param name="Runs">In order, at least one.</param>
public sealed record Measurement(Contender Contender, int BatchSize, IReadOnlyList<ComparedRun> Runs)
{
    /// <summary>Samples per second of each run that could tell.</summary>
    public IReadOnlyList<double> Rates { get; } = [.. Runs.Select(run => run.Rate).OfType<double>()];

    /// <summary>The median rate; null if no run was long enough.</summary>
    public double? Rate => Rates.Count == 0 ? null : Contrast.Median(Rates);

    /// <summary>The mean step at the median rate, in microseconds.</summary>
    public double? StepMicroseconds => 1e6 * BatchSize / Rate;

    /// <summary>The split of the run in the middle, by rate.</summary>
    public StepTimes? Times => Runs.Where(run => run is { Rate: not null, Times: not null }).OrderBy(run => run.Rate).ToList() is { Count: > 0 } measured
        ? measured[(measured.Count - 1) / 2].Times
        : null;

    /// <summary>Against another with the same batch size; null if one of the two has no rate.</summary>
    public Contrast? Against(Measurement other) => Rate is null || other.Rate is null ? null : Contrast.Of(Rates, other.Rates);
}

/// <summary>All contenders with one batch size.</summary>
/// <param name="BatchSize">Samples per step.</param>
/// <param name="Measurements">One of each.</param>
public sealed record Sitting(int BatchSize, IReadOnlyList<Measurement> Measurements)
{
    /// <summary>Whether all runs ended with the same parameters.</summary>
    public bool Agrees => Measurements.SelectMany(measurement => measurement.Runs).Select(run => run.Completed.ParametersSha256).Distinct().Count() == 1;

    /// <summary>One contender's.</summary>
    public Measurement Of(Contender contender) => Measurements.First(measurement => measurement.Contender == contender);

    /// <summary>One contender against another; null if one of the two was too short.</summary>
    public Contrast? Compare(Contender contender, Contender other) => Of(contender).Against(Of(other));
}
