using System.Globalization;
using DistTrain.Cli.Plots;
using DistTrain.Core.Formats;

namespace DistTrain.Cli.Search;

/// <summary>The picture of a search: for each dimension its values against the validation accuracy, one colour per number of steps reached.</summary>
public static class SearchFigure
{
    /// <summary>The file's name.</summary>
    public const string Name = "search.png";

    private const int MostColumns = 3;

    /// <summary>From this ratio of the largest value to the smallest on, a logarithmic axis shows more.</summary>
    private const double LogarithmicFrom = 20;

    /// <summary>The figure.</summary>
    /// <param name="rows">The table, the best first.</param>
    /// <param name="keys">The dimensions' names.</param>
    public static Figure Of(IReadOnlyList<SearchRow> rows, IReadOnlyList<string> keys) => new(
        $"Search: {rows.Count} trials", Math.Clamp(keys.Count, 1, MostColumns), [.. keys.Select(key => PanelOf(key, rows))]);

    /// <summary>Writes <see cref="Name"/>.</summary>
    public static void Write(string directory, IReadOnlyList<SearchRow> rows, IReadOnlyList<string> keys)
    {
        var png = FigureRenderer.ToPng(Of(rows, keys));
        DurableFile.Write(Path.Combine(directory, Name), stream => stream.Write(png));
    }

    private static Panel PanelOf(string key, IReadOnlyList<SearchRow> rows)
    {
        var names = rows.Select(row => row.Values[key]).Distinct().Order(StringComparer.Ordinal).ToList();
        // What is no number is drawn at its place in the list of names.
        var isNumeric = names.TrueForAll(name => Number(name) is not null);
        double At(SearchRow row) => isNumeric ? Number(row.Values[key])!.Value : names.IndexOf(row.Values[key]);

        var scored = rows.Where(row => row.ValidationAccuracy is not null).ToList();
        var curves = scored.GroupBy(row => row.Steps).OrderBy(group => group.Key).Select((group, i) => new Curve(
            string.Create(CultureInfo.InvariantCulture, $"{group.Key:N0} steps"),
            [.. group.Select(At)], [.. group.Select(row => row.ValidationAccuracy!.Value)], CurveStyle.Points, i)).ToList();
        if (scored.Count > 0)
        {
            curves.Add(new Curve("winner", [At(scored[0])], [scored[0].ValidationAccuracy!.Value], CurveStyle.Points, curves.Count));
        }

        var places = scored.ConvertAll(At);
        return new Panel("", isNumeric ? key : $"{key}: {string.Join(", ", names.Select((name, i) => $"{i} = {name}"))}", "validation accuracy")
        {
            Curves = curves,
            LogX = isNumeric && places.Count > 0 && places.Min() > 0 && places.Max() / places.Min() >= LogarithmicFrom,
            YRange = RangeWithRoom([.. scored.Select(row => row.ValidationAccuracy!.Value)]),
            Legend = LegendPlace.LowerLeft,
        };
    }

    /// <summary>The ends of an axis that leaves a band under the data for the legend.</summary>
    private static (double Low, double High)? RangeWithRoom(IReadOnlyList<double> values)
    {
        if (values.Count == 0)
        {
            return null;
        }

        var (low, high) = (values.Min(), values.Max());
        var span = Math.Max(high - low, 0.01);
        return (low - (0.6 * span), high + (0.05 * span));
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
}
