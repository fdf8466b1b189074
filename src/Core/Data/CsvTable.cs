using System.Globalization;
using System.Runtime.InteropServices;

namespace DistTrain.Core.Data;

/// <summary>One CSV file, read: a header, a label for each row, and the other columns' numbers.</summary>
internal sealed class CsvTable
{
    private const string LabelName = "label";

    // Bytes as long as every number so far is written as a whole one from 0 to 255.
    private readonly List<byte> _bytes = [];
    private readonly List<float> _values = [];

    private CsvTable(string file, string[] header)
    {
        (File, Header) = (file, header);
        LabelColumn = Math.Max(0, Array.IndexOf(header, LabelName));
    }

    /// <summary>Where it was read.</summary>
    public string File { get; }

    /// <summary>The columns' names.</summary>
    public string[] Header { get; }

    /// <summary>The column with the classes: the one named <c>label</c>, else the first.</summary>
    public int LabelColumn { get; }

    /// <summary>The classes as they are written, one for each row.</summary>
    public List<string> Labels { get; } = [];

    /// <summary>Whether a number is no whole one from 0 to 255, by how it is written.</summary>
    public bool IsReal { get; private set; }

    /// <summary>Numbers in a row.</summary>
    public int FeatureCount => Header.Length - 1;

    /// <summary>Reads a file's content.</summary>
    /// <exception cref="InvalidInputException">It is no such table; the message names file, line and column.</exception>
    public static CsvTable Read(ReadOnlySpan<byte> text, string file)
    {
        var cells = new CsvCells(text, file);
        var table = new CsvTable(file, ReadHeader(ref cells, file));
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        while (cells.HasMore)
        {
            for (var column = 0; column < table.Header.Length; column++)
            {
                var cell = cells.Next();
                if (cells.EndsRow && column + 1 < table.Header.Length)
                    throw cells.Wrong(FormattableString.Invariant($"the row ends after {column + 1} of the {table.Header.Length} cells that the header has"));
                if (!cells.EndsRow && column + 1 == table.Header.Length)
                    throw cells.Wrong(FormattableString.Invariant($"the row goes on after the {table.Header.Length} cells that the header has"));
                if (cell.IsEmpty)
                    throw cells.Wrong($"the cell of {CsvCells.Show(table.Header[column])} is empty; every cell needs a value");
                if (column == table.LabelColumn)
                    table.Labels.Add(Intern(known, cells.Text(cell)));
                else
                    table.Add(cell, cells, table.Header[column]);
            }
        }
        return table.Labels.Count > 0 ? table : throw new InvalidInputException($"'{file}' has a header but no row.");
    }

    /// <summary>The features of some rows, as bytes: needs <see cref="IsReal"/> to be false.</summary>
    public byte[] Bytes(ReadOnlySpan<int> rows) => Choose(CollectionsMarshal.AsSpan(_bytes), rows);

    /// <summary>The features of some rows, as numbers.</summary>
    public float[] Values(ReadOnlySpan<int> rows)
    {
        BecomeReal();
        return Choose(CollectionsMarshal.AsSpan(_values), rows);
    }

    private static string Intern(Dictionary<string, string> known, string text)
    {
        if (known.TryGetValue(text, out var same))
            return same;
        known.Add(text, text);
        return text;
    }

    private static string[] ReadHeader(ref CsvCells cells, string file)
    {
        var header = new List<string>();
        while (cells.HasMore)
        {
            var name = cells.Text(cells.Next());
            if (name == LabelName && header.Contains(name))
                throw cells.Wrong($"the header names '{LabelName}' twice");
            header.Add(name);
            if (cells.EndsRow)
                break;
        }
        return header.Count >= 2 ? [.. header]
            : header.Count == 0 ? throw new InvalidInputException($"'{file}' is empty; a CSV file begins with a header.")
            : throw cells.Wrong("the header needs at least two names, of the label and of a feature, with commas between");
    }

    private void Add(ReadOnlySpan<byte> cell, in CsvCells cells, string column)
    {
        if (!IsReal && cell.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 && byte.TryParse(cell, NumberStyles.None, CultureInfo.InvariantCulture, out var pixel))
        {
            _bytes.Add(pixel);
            return;
        }

        const NumberStyles number = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        // The words NaN and Infinity are read whatever the style says.
        if (!float.TryParse(cell, number, CultureInfo.InvariantCulture, out var value) || !cell.ContainsAnyInRange((byte)'0', (byte)'9'))
            throw cells.Wrong($"{CsvCells.Show(cell)} in {CsvCells.Show(column)} is no number; write it like 5, -0.25 or 1e-3");
        if (!float.IsFinite(value))
            throw cells.Wrong($"{CsvCells.Show(cell)} in {CsvCells.Show(column)} is beyond binary32, whose largest number is 3.4e38");
        BecomeReal();
        _values.Add(value);
    }

    private void BecomeReal()
    {
        if (IsReal)
            return;
        IsReal = true;
        _values.EnsureCapacity(_bytes.Count);
        foreach (var pixel in _bytes) _values.Add(pixel);
        _bytes.Clear();
    }

    private T[] Choose<T>(ReadOnlySpan<T> all, ReadOnlySpan<int> rows)
    {
        var chosen = new T[rows.Length * FeatureCount];
        for (var i = 0; i < rows.Length; i++) all.Slice(rows[i] * FeatureCount, FeatureCount).CopyTo(chosen.AsSpan(i * FeatureCount));
        return chosen;
    }
}
