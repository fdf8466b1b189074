using System.Globalization;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Verbs;

/// <summary>What the three data verbs share: which dataset, and where.</summary>
public abstract class DataVerb : Verb
{
    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.Dataset, CommonOptions.Data];

    /// <summary>The dataset of <c>--dataset</c>, else MNIST.</summary>
    private protected static DatasetEntry Entry(VerbCall call) =>
        DatasetCatalog.Find(call.Values.Get(CommonOptions.Dataset, DatasetCatalog.Mnist.Name));

    /// <summary>Where its files are or go: <c>--data</c>, else the user's cache.</summary>
    private protected static string FindDirectory(VerbCall call, DatasetEntry entry) => Path.Combine(
        call.Values.FindText(CommonOptions.Data) is { } path
            ? call.Surroundings.Resolve(path)
            : UserCache.Directory(call.Surroundings.Variable, OperatingSystem.IsWindows()),
        entry.Name);
}

/// <summary><c>data list</c></summary>
public sealed class DataListVerb : DataVerb
{
    /// <inheritdoc/>
    public override string Name => "data list";

    /// <inheritdoc/>
    public override string Help => "List the known datasets and whether they are on this machine.";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.Data];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        foreach (var entry in DatasetCatalog.All)
        {
            var directory = FindDirectory(call, entry);
            var state = entry.Files.Count == 0 ? "built in"
                : DatasetDirectory.IsComplete(directory, entry) ? $"in {directory}"
                : $"not here; 'disttrain data fetch --dataset {entry.Name}' puts it into {directory}";
            call.Surroundings.Output.WriteLine($"{entry.Name,-10}  {entry.Description}\n            {state}");
        }

        return Task.FromResult(ExitCode.Done);
    }
}

/// <summary><c>data fetch</c></summary>
public sealed class DataFetchVerb : DataVerb
{
    /// <inheritdoc/>
    public override string Name => "data fetch";

    /// <inheritdoc/>
    public override string Help => "Download a dataset; what is there and right already is left alone.";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var entry = Entry(call);
        if (entry.Files.Count == 0)
        {
            call.Surroundings.Output.WriteLine($"{entry.Name} is built in: there is nothing to fetch.");
            return ExitCode.Done;
        }

        var directory = FindDirectory(call, entry);
        await call.Surroundings.Fetch(entry, directory, call.Stop.Token).ConfigureAwait(false);
        call.Surroundings.Output.WriteLine($"{entry.Name} is in {directory}.");
        return ExitCode.Done;
    }
}

/// <summary><c>data verify</c></summary>
public sealed class DataVerifyVerb : DataVerb
{
    /// <inheritdoc/>
    public override string Name => "data verify";

    /// <inheritdoc/>
    public override string Help => "Read a dataset's files and compare them with the published SHA-256 sums.";

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        var entry = Entry(call);
        if (entry.Files.Count == 0)
        {
            call.Surroundings.Output.WriteLine($"{entry.Name} is built in: there is nothing to verify.");
            return Task.FromResult(ExitCode.Done);
        }

        var directory = FindDirectory(call, entry);
        if (!Directory.Exists(directory))
        {
            throw new InvalidInputException($"There is no directory {directory}. Name the one above it with --data DIR, or fetch the files with 'disttrain data fetch'.");
        }

        var dataset = DatasetDirectory.LoadMnist(directory);
        call.Surroundings.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{entry.Name} in {directory} is complete and as published: {dataset.Train.Count:N0} + {dataset.Test.Count:N0} images, digest {dataset.Digest}."));
        return Task.FromResult(ExitCode.Done);
    }
}
