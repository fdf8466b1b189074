using System.Globalization;
using System.Text;

namespace DistTrain.Cli.Experiments;

/// <summary>Rows of text under named columns.</summary>
/// <param name="Columns">Their names.</param>
/// <param name="Rows">Each as long as <paramref name="Columns"/>.</param>
public sealed record Table(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>A number so that it reads back as the same one.</summary>
    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A number for people.</summary>
    public static string Short(double value, string format = "0.0000") => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>A fraction as a percentage for people.</summary>
    public static string Percent(double fraction) => (fraction * 100).ToString("0.00", CultureInfo.InvariantCulture) + " %";

    /// <summary>Columns of equal width; all but the first are flush right.</summary>
    public string ToText()
    {
        var widths = Columns.Select((name, i) => Rows.Select(row => row[i].Length).Append(name.Length).Max()).ToArray();
        return string.Join(Environment.NewLine, Rows.Prepend(Columns).Select(row => string.Join(
            "  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd()));
    }

    /// <summary>RFC 4180, with line feeds.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder();
        foreach (var row in Rows.Prepend(Columns))
        {
            text.AppendJoin(',', row.Select(Quote)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Curves as rows of curve, place on the horizontal axis, value: what a figure of lines has.</summary>
    /// <param name="x">The horizontal axis in one word.</param>
    /// <param name="y">The vertical axis in one word.</param>
    /// <param name="curves">Each with its name.</param>
    public static Table OfCurves(string x, string y, IEnumerable<Plots.Curve> curves) => new(
        ["curve", x, y],
        [.. curves.SelectMany(curve => curve.X.Zip(curve.Y, (at, value) => (string[])[curve.Name, Exact(at), Exact(value)]))]);

    private static string Quote(string cell) =>
        cell.AsSpan().ContainsAny("\",\n") ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
}
