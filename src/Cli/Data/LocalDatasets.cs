using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Data;

/// <summary>Finds a run's dataset on a worker's host, so that it need not be streamed from the coordinator. Never downloads.</summary>
/// <param name="environment">Gives an environment variable's value, or null.</param>
/// <param name="tell">Takes why a dataset that is here cannot be used.</param>
public sealed class LocalDatasets(Func<string, string?> environment, Action<string> tell)
{
    /// <summary>The dataset, if it is here.</summary>
    /// <param name="wanted">The run's dataset.</param>
    /// <param name="dataDirectory">The value of --data; null when it was not given.</param>
    /// <returns>A dataset of that name, whose digest the caller compares; null if there is none, or none that can be read.</returns>
    public Dataset? Find(DatasetSpec wanted, string? dataDirectory)
    {
        try
        {
            return wanted.Holdout is { } holdout ? FindWhole(Whole(wanted), dataDirectory)?.Split(holdout.Fraction, holdout.Seed) : FindWhole(wanted, dataDirectory);
        }
        catch (InvalidInputException e)
        {
            tell($"{e.Message} The coordinator is asked for the dataset instead.");
            return null;
        }
    }

    /// <summary>What a split was made of. Its test set took no part, so one sample stands for it.</summary>
    private static DatasetSpec Whole(DatasetSpec split) => split with
    {
        TrainCount = (int)Math.Min(int.MaxValue, (long)split.TrainCount + split.TestCount),
        TestCount = 1,
    };

    private Dataset? FindWhole(DatasetSpec wanted, string? dataDirectory)
    {
        // A path of the coordinator's host means nothing here: what lies at one comes from the cache, or over the wire.
        if (DatasetCatalog.All.FirstOrDefault(entry => entry.Name == wanted.Name) is not { } entry)
        {
            return null;
        }

        if (entry.Make is { } make)
        {
            return make(wanted.TrainCount, wanted.TestCount);
        }

        var root = dataDirectory ?? environment(DatasetResolver.DataVariable);
        root = string.IsNullOrEmpty(root) ? UserCache.Directory(environment, OperatingSystem.IsWindows()) : root;
        var directory = Path.Combine(root, wanted.Name);
        return DatasetDirectory.IsComplete(directory, entry) ? entry.Read!(directory) : null;
    }
}
