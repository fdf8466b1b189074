using DistTrain.Cli.Plots;
using DistTrain.Core.Formats;

namespace DistTrain.Cli.Comparison;

/// <summary>
/// The picture of a comparison: how fast each contender is, where the time of its steps goes, and, where other batch sizes were measured, how fast it is with
/// each.
/// </summary>
public static class CompareFigure
{
    /// <summary>The file's name.</summary>
    public const string Name = "compare.png";

    private const int LeastPanelWidth = 520;
    private const int WidthPerContender = 110;
    private const int PanelHeight = 420;
    private const double RoomAbove = 1.12;

    /// <summary>The figure.</summary>
    public static Figure Of(Comparison comparison)
    {
        var width = Math.Max(LeastPanelWidth, WidthPerContender * comparison.Main.Measurements.Count);
        Panel[] panels = comparison.Others.Count == 0
            ? [Speeds(comparison), Splits(comparison.Main)]
            : [Speeds(comparison), Splits(comparison.Main), Batches(comparison)];
        return new Figure(CompareResult.What(comparison), panels.Length, panels, width, PanelHeight);
    }

    /// <summary>Writes <see cref="Name"/>.</summary>
    /// <returns>Its path.</returns>
    public static string Write(string directory, Comparison comparison)
    {
        var path = Path.Combine(directory, Name);
        var png = FigureRenderer.ToPng(Of(comparison));
        DurableFile.Write(path, stream => stream.Write(png));
        return path;
    }

    private static Panel Speeds(Comparison comparison)
    {
        var measurements = comparison.Main.Measurements;
        var baselines = new[] { ContenderRules.OneThread, comparison.Verdict?.SameThreads ?? ContenderRules.OneThread }.Distinct().ToList();
        var runs = measurements.SelectMany((measurement, i) => measurement.Rates.Select(rate => (X: (double)i, Y: rate))).ToList();
        var lines = baselines.Select((baseline, i) => new Curve(
            baseline.Name,
            [-0.5, measurements.Count - 0.5],
            [.. Enumerable.Repeat(comparison.Main.Of(baseline).Rate ?? double.NaN, 2)],
            CurveStyle.Dashed,
            i + 1));
        return new Panel("How fast", "", "samples per second")
        {
            Categories = Labels(measurements),
            Bars = [new BarLayer("median", [.. measurements.Select(measurement => measurement.Rate ?? 0)])],
            Curves =
            [
                .. lines,
                new Curve("each run", [.. runs.Select(run => run.X)], [.. runs.Select(run => run.Y)], CurveStyle.Points, baselines.Count + 1),
            ],
            YRange = (0, Math.Max(1, RoomAbove * runs.Select(run => run.Y).DefaultIfEmpty(1).Max())),
        };
    }

    private static Panel Splits(Sitting main)
    {
        var splits = main.Measurements.Select(measurement => measurement.Times).ToList();
        var names = splits.Find(times => times is not null)?.Parts.Select(part => part.Name).ToList() ?? [];
        return new Panel("Where the time of a step goes", "", "microseconds, median step")
        {
            Categories = Labels(main.Measurements),
            Bars = [.. names.Select((name, part) => new BarLayer(name, [.. splits.Select(times => times?.Parts[part].Microseconds ?? 0)]))],
            YRange = (0, Math.Max(1, RoomAbove * splits.Select(times => times?.StepMicroseconds ?? 0).Max())),
        };
    }

    private static Panel Batches(Comparison comparison)
    {
        var sittings = comparison.Others.Append(comparison.Main).OrderBy(sitting => sitting.BatchSize).ToList();
        List<double> sizes = [.. sittings.Select(sitting => (double)sitting.BatchSize)];
        return new Panel("By the size of the batch", "samples in a batch", "samples per second, median")
        {
            Curves = [.. comparison.Others[0].Measurements.Select(measurement => new Curve(
                measurement.Contender.Name, sizes, [.. sittings.Select(sitting => sitting.Of(measurement.Contender).Rate ?? double.NaN)], CurveStyle.Path))],
            LogX = true,
        };
    }

    private static IReadOnlyList<string> Labels(IReadOnlyList<Measurement> measurements) =>
        [.. measurements.Select(measurement => measurement.Contender.Name.Replace(" of ", "\nof ", StringComparison.Ordinal).Replace(" with ", "\nwith ", StringComparison.Ordinal))];
}
