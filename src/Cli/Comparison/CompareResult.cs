using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Comparison;

/// <summary>A comparison as one line of JSON, which <c>compare.json</c> holds too. Numbers that are not known are null.</summary>
/// <param name="Event">Always "compared".</param>
/// <param name="Run">The directory with all its runs.</param>
/// <param name="Agree">Whether all runs with one batch size ended in the same bits.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="BatchSize">Samples per step.</param>
/// <param name="Steps">Of each run.</param>
/// <param name="Repeats">Runs of each contender, in turn.</param>
/// <param name="Cores">Of this machine.</param>
/// <param name="Rows">The contenders.</param>
/// <param name="Verdict">Whether distribution pays; null if nobody with workers was compared.</param>
/// <param name="BreakEven">From which batch size on, against each baseline; empty if that was not looked for.</param>
/// <param name="OtherBatches">What was measured with other batch sizes.</param>
/// <param name="Plot">The picture; null if it could not be drawn.</param>
internal sealed record CompareResult(
    string Event, string Run, bool Agree, string? Model, string? Dataset, int BatchSize, long Steps, int Repeats, int Cores, IReadOnlyList<ComparedRow> Rows,
    VerdictRow? Verdict, IReadOnlyList<BreakEvenRow> BreakEven, IReadOnlyList<OtherBatch> OtherBatches, string? Plot)
{
    /// <summary>The result.</summary>
    public static CompareResult Of(Comparison comparison, string directory, string? plot)
    {
        var (request, main) = (comparison.Request, comparison.Main);
        var what = What(comparison);
        var first = main.Measurements[0].Runs[0].Completed;
        return new CompareResult(
            "compared", directory, comparison.Agrees, comparison.Started?.Model ?? first.Model, comparison.Started?.Dataset ?? first.Dataset, request.BatchSize,
            first.Steps, request.RepeatCount, request.Cores,
            [.. main.Measurements.Select(measurement => ComparedRow.Of(measurement, main, request.Cores))],
            comparison.Verdict is { } verdict
                ? new VerdictRow(
                    verdict.Contender.Workers, verdict.Contender.Threads, verdict.Pays, ContrastRow.Of(verdict.AgainstOneThread),
                    verdict.SameThreads.Threads, ContrastRow.Of(verdict.AgainstSameThreads), verdict.Sentence(what, comparison.BreakEvens))
                : null,
            [.. comparison.BreakEvens.Select(found => new BreakEvenRow(
                found.Baseline.Threads, found.BatchSize, found.PaysEverywhere, found.Smallest, found.Largest, found.Unproven, found.BaselineLine, found.ContenderLine,
                ContrastRow.Of(found.Verification)))],
            [.. comparison.Others.Select(sitting => new OtherBatch(
                sitting.BatchSize,
                [.. sitting.Measurements.Select(measurement => new OtherRow(
                    measurement.Contender.Workers, measurement.Contender.Threads, measurement.Rate, measurement.Rates, measurement.StepMicroseconds))]))],
            plot);
    }

    /// <summary>The training in words: "two-layer on mnist with batches of 32".</summary>
    public static string What(Comparison comparison)
    {
        var first = comparison.Main.Measurements[0].Runs[0].Completed;
        return FormattableString.Invariant($"{first.Model} on {first.Dataset} with batches of {comparison.Request.BatchSize}");
    }

    /// <summary>The line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, CompareJson.Readable.CompareResult);
}

/// <summary>One contender with the given batch size.</summary>
/// <param name="Workers">Processes that compute; 0 for one process without coordinator.</param>
/// <param name="Threads">Of each process.</param>
/// <param name="SamplesPerSecond">The median of the runs; null if they were too short.</param>
/// <param name="Runs">Of each run.</param>
/// <param name="SpeedUp">Against one process with one thread.</param>
/// <param name="SpeedUpSameThreads">Against one process with as many threads as all processes of this one have.</param>
/// <param name="SameThreads">So many, or as many as there are cores.</param>
/// <param name="Efficiency">Speed-up against one thread ÷ all compute threads.</param>
/// <param name="Split">Where the time of the median step went; null if nothing was measured.</param>
/// <param name="ElapsedSeconds">Of the first run, from process start to end.</param>
/// <param name="ParametersSha256">The result of the first run.</param>
/// <param name="TestAccuracy">Of it, a fraction.</param>
/// <param name="Agrees">Whether all runs of this contender ended in the bits of the first contender's first.</param>
internal sealed record ComparedRow(
    int Workers, int Threads, double? SamplesPerSecond, IReadOnlyList<double> Runs, double? SpeedUp, double? SpeedUpSameThreads, int SameThreads,
    double? Efficiency, StepTimes? Split, double ElapsedSeconds, string ParametersSha256, double? TestAccuracy, bool Agrees)
{
    /// <summary>One contender's row.</summary>
    public static ComparedRow Of(Measurement measurement, Sitting sitting, int cores)
    {
        var contender = measurement.Contender;
        var first = measurement.Runs[0].Completed;
        var same = ContenderRules.SameThreads(contender, cores);
        var speedUp = sitting.Compare(contender, ContenderRules.OneThread)?.Ratio;
        var hash = sitting.Measurements[0].Runs[0].Completed.ParametersSha256;
        return new ComparedRow(
            contender.Workers, contender.Threads, measurement.Rate, measurement.Rates, speedUp, sitting.Compare(contender, same)?.Ratio, same.Threads,
            speedUp / contender.AllThreads, measurement.Times, first.ElapsedSeconds, first.ParametersSha256, first.TestAccuracy,
            measurement.Runs.All(run => run.Completed.ParametersSha256 == hash));
    }
}

/// <summary>Two rates compared.</summary>
/// <param name="Ratio">Median ÷ median.</param>
/// <param name="Noise">A ratio that differs from 1 by less, as a fraction, is no difference.</param>
/// <param name="Outcome">What it comes to.</param>
internal sealed record ContrastRow(double Ratio, double Noise, Outcome Outcome)
{
    /// <summary>The row of one that was measured.</summary>
    public static ContrastRow? Of(Contrast? contrast) => contrast is null ? null : new ContrastRow(contrast.Ratio, contrast.Noise, contrast.Outcome);
}

/// <summary>The verdict.</summary>
/// <param name="Workers">Of the fastest contender with workers.</param>
/// <param name="Threads">Of each of them.</param>
/// <param name="Pays">The judgement.</param>
/// <param name="AgainstOneThread">Against one process with one thread.</param>
/// <param name="SameThreads">Threads of the other baseline.</param>
/// <param name="AgainstSameThreads">Against one process with those.</param>
/// <param name="Sentence">In words.</param>
internal sealed record VerdictRow(
    int Workers, int Threads, Pays Pays, ContrastRow? AgainstOneThread, int SameThreads, ContrastRow? AgainstSameThreads, string Sentence);

/// <summary>From which batch size on it pays against one baseline.</summary>
/// <param name="BaselineThreads">Of the single process.</param>
/// <param name="BatchSize">The break-even between two measured batch sizes; null if there is none.</param>
/// <param name="PaysEverywhere">Whether it pays with every batch size that was measured.</param>
/// <param name="Smallest">The smallest of those.</param>
/// <param name="Largest">The largest of those.</param>
/// <param name="Unproven">Where the lines cross although it paid nowhere, above them or within the noise; null if nowhere near.</param>
/// <param name="BaselineLine">The baseline's step, fixed + per sample.</param>
/// <param name="ContenderLine">The contender's.</param>
/// <param name="Verification">Measured at <paramref name="BatchSize"/>; null if not.</param>
internal sealed record BreakEvenRow(
    int BaselineThreads, int? BatchSize, bool PaysEverywhere, int Smallest, int Largest, int? Unproven, StepLine? BaselineLine, StepLine? ContenderLine,
    ContrastRow? Verification);

/// <summary>What was measured with another batch size.</summary>
/// <param name="BatchSize">Samples per step.</param>
/// <param name="Rows">The contenders.</param>
internal sealed record OtherBatch(int BatchSize, IReadOnlyList<OtherRow> Rows);

/// <summary>One contender there.</summary>
/// <param name="Workers">Processes that compute; 0 for one process without coordinator.</param>
/// <param name="Threads">Of each process.</param>
/// <param name="SamplesPerSecond">The median.</param>
/// <param name="Runs">Of each run.</param>
/// <param name="StepMicroseconds">At the median.</param>
internal sealed record OtherRow(int Workers, int Threads, double? SamplesPerSecond, IReadOnlyList<double> Runs, double? StepMicroseconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(CompareResult))]
internal sealed partial class CompareJson : JsonSerializerContext
{
    /// <summary>With signs as they are: the sentence is read by people too.</summary>
    public static CompareJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new JsonStringEnumConverter<Outcome>(JsonNamingPolicy.CamelCase),
            new JsonStringEnumConverter<Pays>(JsonNamingPolicy.CamelCase),
        },
    });
}
