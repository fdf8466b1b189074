using DistTrain.Core;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Data;

/// <summary>
/// Finds the dataset a user means: in the directory of <c>--data</c>, else of <c>DISTTRAIN_DATA</c>, else in the user's cache, else by
/// download into it, else — only when nobody asked for a dataset by name — the built-in synthetic digits. A directory that the user named
/// must hold the data: what is missing or damaged there is an error, never a reason to look elsewhere.
/// </summary>
/// <param name="environment">Gives an environment variable's value, or null.</param>
/// <param name="fetch">Makes a directory hold a dataset's files: <see cref="DatasetDownloader.FetchAsync"/>.</param>
/// <param name="warn">Takes what the user must not miss.</param>
/// <param name="readImages">Reads a directory of images under a dataset's name: <see cref="DatasetPathKind.Images"/>.</param>
/// <param name="load">Loads a dataset from the directory of its files; null for <see cref="DatasetEntry.Read"/>.</param>
public sealed class DatasetResolver(
    Func<string, string?> environment,
    Func<DatasetEntry, string, CancellationToken, Task> fetch,
    Action<string> warn,
    Func<string, string, Dataset> readImages,
    Func<DatasetEntry, string, Dataset>? load = null)
{
    /// <summary>The variable that names the data directory.</summary>
    public const string DataVariable = "DISTTRAIN_DATA";

    private readonly Func<DatasetEntry, string, Dataset> _load = load ?? ((entry, directory) => entry.Read!(directory));

    /// <summary>Finds and loads a dataset.</summary>
    /// <param name="name">The value of --dataset; null when it was not given, which means MNIST if it can be had.</param>
    /// <param name="dataDirectory">The value of --data; null when it was not given.</param>
    /// <param name="cancellation">Stops a download.</param>
    /// <exception cref="InvalidInputException">The name is unknown, or the data is missing or damaged where it has to be.</exception>
    public async Task<ResolvedDataset> ResolveAsync(string? name, string? dataDirectory, CancellationToken cancellation)
    {
        if (name is not null && DatasetPath.TryParse(name) is { } path)
            return new ResolvedDataset(path.Read(readImages), $"Dataset '{name}' is read from there.");
        var entry = name is null ? DatasetCatalog.Mnist : DatasetCatalog.Find(name);
        if (entry.IsBuiltIn) return BuiltIn(entry);
        if (!string.IsNullOrEmpty(dataDirectory)) return Load(entry, dataDirectory, "named by --data");
        if (environment(DataVariable) is { Length: > 0 } named) return Load(entry, named, $"named by {DataVariable}");

        var cache = UserCache.Directory(environment, OperatingSystem.IsWindows());
        var directory = Path.Combine(cache, entry.Name);
        if (entry.Mirrors.Count == 0) return Load(entry, cache, "the user's cache");
        if (DatasetDirectory.IsComplete(directory, entry))
        {
            try
            {
                return Load(entry, cache, "the user's cache");
            }
            catch (InvalidInputException exception)
            {
                warn($"The cached copy of '{entry.Name}' is unusable and is downloaded again. {exception.Message}");
            }
        }
        try
        {
            await fetch(entry, directory, cancellation).ConfigureAwait(false);
            return Load(entry, cache, "just downloaded");
        }
        catch (InvalidInputException exception) when (name is null)
        {
            warn(
                $"NOT THE REAL DATA: '{entry.Name}' could not be had, so this run uses the built-in SYNTHETIC digits. "
                + "Its accuracy says nothing about MNIST. To use MNIST, run 'disttrain data fetch' with a network, or name a directory "
                + $"with --data DIR; to choose the synthetic digits without this warning, give --dataset {DatasetCatalog.Synthetic.Name}.\n"
                + exception.Message);
            return BuiltIn(DatasetCatalog.Synthetic);
        }
    }

    private ResolvedDataset Load(DatasetEntry entry, string dataDirectory, string why)
    {
        var directory = Path.Combine(dataDirectory, entry.Name);
        return new ResolvedDataset(_load(entry, directory), $"Dataset '{entry.Name}' comes from '{directory}' ({why}).");
    }

    private static ResolvedDataset BuiltIn(DatasetEntry entry) => new(entry.Make!(null, null), $"Dataset '{entry.Name}' is drawn by this program.");
}
