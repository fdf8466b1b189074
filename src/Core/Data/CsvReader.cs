using System.Globalization;
using System.Runtime.InteropServices;
using DistTrain.Core.Training;

namespace DistTrain.Core.Data;

/// <summary>
/// Reads a dataset from CSV files with a header: the column named <c>label</c>, else the first, is the class, every other column a numeric
/// feature. Numbers are read by the invariant culture.
/// </summary>
/// <remarks>
/// If every feature is written as a whole number from 0 to 255, the features are pixels, bytes that enter a network as <c>byte / 255f</c>, and a
/// square count of them is an image of shape (1, side, side). Otherwise they are the nearest binary32 numbers, of shape (1, 1, count). If every
/// label is written as a whole number from 0 to 255, it is the class itself, and there are as many classes as the largest says, at least two;
/// otherwise labels are names, and the classes are the names in ordinal order.
/// </remarks>
public static class CsvReader
{
    /// <summary>The largest file: 1 GiB.</summary>
    public const long MaximumBytes = 1L << 30;

    /// <summary>Without a file to test on, one in so many rows is set aside for the test, at least one.</summary>
    public const int RowsPerTestRow = 6;

    private const int MaximumClassCount = 256;

    // The dataset is one fixed thing, whatever the run's seed: this number was chosen once and never changes.
    private const ulong SplitSeed = 20_260_102;

    /// <summary>Reads one file, of which ⌊rows / 6⌋ rows (at least one) drawn by a fixed seed are the test set, or two files.</summary>
    /// <param name="name">The dataset's name.</param>
    /// <param name="trainPath">The file, or the one to train on.</param>
    /// <param name="testPath">The one to test on; null to split the first.</param>
    /// <exception cref="InvalidInputException">A file cannot be read or is malformed; the message names file, line and column.</exception>
    public static Dataset Read(string name, string trainPath, string? testPath)
    {
        var train = ReadTable(trainPath);
        return testPath is null ? Split(name, train) : Combine(name, train, All(train), ReadTable(testPath));
    }

    /// <summary>A dataset of one table.</summary>
    internal static Dataset Split(string name, CsvTable table)
    {
        var count = table.Labels.Count;
        if (count < 2)
            throw new InvalidInputException($"'{table.File}' has one row; to train and to test takes two at least, or a second file: csv:TRAIN,TEST.");
        var order = Sampler.Permutation(SplitSeed, epoch: 0, count);
        var testCount = Math.Max(1, count / RowsPerTestRow);
        var (test, train) = (order[..testCount], order[testCount..]);
        Array.Sort(test);
        Array.Sort(train);
        return Combine(name, table, train, table, test);
    }

    /// <summary>A dataset of two tables.</summary>
    internal static Dataset Combine(string name, CsvTable train, int[] trainRows, CsvTable test, int[]? testRows = null)
    {
        if (!train.Header.SequenceEqual(test.Header, StringComparer.Ordinal))
            throw new InvalidInputException($"'{test.File}', line 1: the header is another than that of '{train.File}'; both need the same columns in the same order.");
        testRows ??= All(test);
        var (classes, classCount) = Classes(train, test);
        var isReal = train.IsReal || test.IsReal;
        return new Dataset(name, Part(train, trainRows), Part(test, testRows));

        LabeledImages Part(CsvTable table, int[] rows)
        {
            byte[] labels = [.. rows.Select(row => classes[table.Labels[row]])];
            var side = (int)Math.Sqrt(table.FeatureCount);
            return isReal ? LabeledImages.FromValues(table.Values(rows), labels, 1, table.FeatureCount, 1, classCount)
                : side * side == table.FeatureCount ? new LabeledImages(table.Bytes(rows), labels, side, side, 1, classCount)
                : new LabeledImages(table.Bytes(rows), labels, 1, table.FeatureCount, 1, classCount);
        }
    }

    private static int[] All(CsvTable table) => [.. Enumerable.Range(0, table.Labels.Count)];

    private static (Dictionary<string, byte> Classes, int Count) Classes(CsvTable train, CsvTable test)
    {
        var names = train.Labels.Concat(test.Labels).Distinct().Order(StringComparer.Ordinal).ToArray();
        var numbers = names.Select(name => byte.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1).ToArray();
        if (numbers.All(number => number >= 0))
            return (names.Zip(numbers).ToDictionary(pair => pair.First, pair => (byte)pair.Second), Math.Max(2, numbers.Max() + 1));
        if (names.Length is < 2 or > MaximumClassCount)
        {
            throw new InvalidInputException(
                $"'{train.File}': the label column {CsvCells.Show(train.Header[train.LabelColumn])} has {names.Length} different values; there must be 2 to {MaximumClassCount} classes. "
                + "Name the column with the classes 'label'.");
        }
        return (names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => (byte)pair.i), names.Length);
    }

    private static CsvTable ReadTable(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaximumBytes } file)
                throw new InvalidInputException($"'{path}' has {file.Length} bytes; a CSV file may have {MaximumBytes}.");
            return CsvTable.Read(File.ReadAllBytes(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{path}': {exception.Message} Name a CSV file with --dataset csv:FILE or csv:TRAIN,TEST.", exception);
        }
    }
}
