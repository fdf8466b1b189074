using System.Globalization;
using System.Text;
using DistTrain.Cli.Views;

namespace DistTrain.Cli.Comparison;

/// <summary>A comparison for people: two tables and the verdict.</summary>
internal static class CompareReport
{
    private const int HashCharacters = 12;

    /// <summary>The text.</summary>
    public static string Of(Comparison comparison, CompareResult result)
    {
        var text = new StringBuilder()
            .AppendLine()
            .AppendLine(Invariant($"{CompareResult.What(comparison)}: {result.Repeats} {(result.Repeats == 1 ? "run" : "runs")} of {result.Steps:N0} steps each, in turn; the median counts"))
            .AppendLine()
            .AppendLine(Row("", "samples/s", "lowest", "highest", "speed-up", "same threads", "efficiency") + "  parametersSha256")
            .AppendJoin(Environment.NewLine, comparison.Main.Measurements.Zip(result.Rows, (measurement, row) => Row(
                measurement.Contender.Name,
                EventText.Number(row.SamplesPerSecond, "N0"),
                EventText.Number(row.Runs.Count == 0 ? null : row.Runs.Min(), "N0"),
                EventText.Number(row.Runs.Count == 0 ? null : row.Runs.Max(), "N0"),
                EventText.Number(row.SpeedUp, "F2"),
                EventText.Number(row.SpeedUpSameThreads, "F2"),
                EventText.Percent(row.Efficiency, "F0")) + $"  {row.ParametersSha256[..HashCharacters]}… {(row.Agrees ? "agrees" : "DIFFERS")}"))
            .AppendLine()
            .AppendLine();
        AppendSplits(text, comparison);
        AppendOthers(text, comparison);
        text.AppendLine(result.Agree ? "The hashes agree: the same bits." : "THE HASHES DIFFER.");
        if (result.Verdict is { } verdict)
        {
            text.AppendLine(verdict.Sentence);
        }

        return text.Append(CultureInfo.InvariantCulture, $"Speed-up is against one process with 1 thread, then against one with as many threads; efficiency is the first per compute thread. Runs, compare.json{(result.Plot is null ? "" : " and compare.png")} are in {result.Run}.")
            .ToString();
    }

    private static void AppendSplits(StringBuilder text, Comparison comparison)
    {
        var measured = comparison.Main.Measurements.Where(measurement => measurement.Times is not null).ToList();
        if (measured.Count == 0)
        {
            return;
        }

        text.AppendLine(Row("median step, µs", ["all", .. measured[0].Times!.Parts.Select(part => part.Name)]));
        foreach (var measurement in measured)
        {
            var times = measurement.Times!;
            text.AppendLine(Row(measurement.Contender.Name, [.. times.Parts.Select(part => part.Microseconds).Prepend(times.StepMicroseconds).Select(Microseconds)]));
        }

        text.AppendLine();
    }

    private static void AppendOthers(StringBuilder text, Comparison comparison)
    {
        if (comparison.Others.Count == 0)
        {
            return;
        }

        var sittings = comparison.Others.Append(comparison.Main).OrderBy(sitting => sitting.BatchSize).ToList();
        text.AppendLine(Row("samples/s, batch of", [.. sittings.Select(sitting => Invariant($"{sitting.BatchSize}"))]));
        foreach (var contender in comparison.Others[0].Measurements.Select(measurement => measurement.Contender))
        {
            text.AppendLine(Row(contender.Name, [.. sittings.Select(sitting => EventText.Number(sitting.Of(contender).Rate, "N0"))]));
        }

        text.AppendLine();
    }

    /// <summary>A tenth of a microsecond is worth showing where there are few of them.</summary>
    private static string Microseconds(double value) => value.ToString(value is > 0 and < 10 ? "F1" : "N0", CultureInfo.InvariantCulture);

    private static string Row(string name, params IReadOnlyList<string> cells) => $"{name,-26}" + string.Concat(cells.Select(cell => $"{cell,13}"));

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
