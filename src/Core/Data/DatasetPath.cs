namespace DistTrain.Core.Data;

/// <summary>What lies at a <see cref="DatasetPath"/>.</summary>
public enum DatasetPathKind
{
    /// <summary>A directory of IDX files under MNIST's names.</summary>
    Idx,

    /// <summary>One CSV file, or one to train on and one to test on.</summary>
    Csv,

    /// <summary>A directory with <c>train/CLASS/*.png</c> and <c>test/CLASS/*.png</c>.</summary>
    Images,
}

/// <summary>A dataset named by where it lies: <c>idx:DIR</c>, <c>csv:FILE</c>, <c>csv:TRAIN,TEST</c> or <c>images:DIR</c>.</summary>
/// <param name="Kind">What lies there.</param>
/// <param name="Paths">One path, or two of a CSV dataset.</param>
public sealed record DatasetPath(DatasetPathKind Kind, IReadOnlyList<string> Paths)
{
    /// <summary>How such a name is written, for people.</summary>
    public const string Forms = "idx:DIR, csv:FILE, csv:TRAIN,TEST, images:DIR";

    private static readonly (string Prefix, DatasetPathKind Kind)[] Prefixes =
        [("idx:", DatasetPathKind.Idx), ("csv:", DatasetPathKind.Csv), ("images:", DatasetPathKind.Images)];

    /// <summary>The name: prefix and paths.</summary>
    public string Name => Array.Find(Prefixes, known => known.Kind == Kind).Prefix + string.Join(',', Paths);

    /// <summary>Reads a name.</summary>
    /// <returns>null if it is none of these forms.</returns>
    public static DatasetPath? TryParse(string name)
    {
        foreach (var (prefix, kind) in Prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                string[] paths = kind == DatasetPathKind.Csv ? name[prefix.Length..].Split(',', StringSplitOptions.TrimEntries) : [name[prefix.Length..]];
                return paths.Length <= 2 && paths.All(path => path.Length > 0) ? new DatasetPath(kind, paths) : null;
            }
        }

        return null;
    }

    /// <summary>The same place, told from elsewhere.</summary>
    /// <param name="resolve">Makes a path absolute.</param>
    public DatasetPath Resolve(Func<string, string> resolve) => this with { Paths = [.. Paths.Select(resolve)] };

    /// <summary>Reads the dataset; its name is <see cref="Name"/>.</summary>
    /// <param name="readImages">Reads a directory of images under a name: Core itself decodes none.</param>
    /// <exception cref="InvalidInputException">Something is missing or damaged.</exception>
    public Dataset Read(Func<string, string, Dataset> readImages) => Kind switch
    {
        DatasetPathKind.Idx => DatasetDirectory.LoadIdx(Name, Paths[0], DatasetCatalog.MnistNames, new IdxLayout()),
        DatasetPathKind.Csv => CsvReader.Read(Name, Paths[0], Paths.Count == 2 ? Paths[1] : null),
        _ => readImages(Name, Paths[0]),
    };
}
