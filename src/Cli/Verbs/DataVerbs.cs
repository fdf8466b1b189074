using System.Globalization;
using DistTrain.Cli.Data;
using DistTrain.Cli.Images;
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

    /// <summary>The place that <c>--dataset</c> names; null if it names none.</summary>
    private protected static DatasetPath? FindPath(VerbCall call) =>
        call.Values.FindText(CommonOptions.Dataset) is { } name ? DatasetPath.TryParse(name)?.Resolve(call.Surroundings.Resolve) : null;

    /// <summary>That a dataset is not here, and what puts it there: "not here; …".</summary>
    /// <param name="entry">The dataset, which is not built in.</param>
    /// <param name="directory">Of its files.</param>
    /// <param name="data">What <c>--data</c> says; null if it says nothing.</param>
    internal static string NotHere(DatasetEntry entry, string directory, string? data) => entry.Mirrors.Count > 0
        ? $"not here; 'disttrain data fetch --dataset {entry.Name}{(data is null ? "" : $" --data {data}")}' puts it into {directory}"
        : $"not here; put {string.Join(", ", entry.Files.Select(file => file.Name))} (plain or .gz) into {directory}";

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
    // Left-aligned, as wide as the longest name.
    private const int NameWidth = -15;

    /// <inheritdoc/>
    public override string Name => "data list";

    /// <inheritdoc/>
    public override string Help => "List the known datasets and whether they are on this machine.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("data list", "what there is")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.Data];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        foreach (var entry in DatasetCatalog.All)
        {
            var directory = FindDirectory(call, entry);
            var state = entry.IsBuiltIn ? "built in"
                : DatasetDirectory.IsComplete(directory, entry) ? $"in {directory}"
                : NotHere(entry, directory, call.Values.FindText(CommonOptions.Data));
            call.Surroundings.Output.WriteLine($"{entry.Name,NameWidth}  {entry.Description}\n{"",NameWidth}  {state}");
        }

        call.Surroundings.Output.WriteLine($"Others by where they lie: {DatasetPath.Forms}.");

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
    public override IReadOnlyList<Example> Examples => [new("data fetch", "MNIST, into the user's cache")];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        if (FindPath(call) is { } path)
        {
            throw new InvalidInputException($"{path.Name} says where the dataset lies: there is nothing to fetch.");
        }

        var entry = Entry(call);
        if (entry.IsBuiltIn)
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
    public override IReadOnlyList<Example> Examples => [new("data verify --data DIR", "MNIST in DIR/mnist")];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        if (FindPath(call) is { } path)
        {
            Report(call, path.Name, "can be read", path.Read(PngFolder.Read));
            return Task.FromResult(ExitCode.Done);
        }

        var entry = Entry(call);
        if (entry.IsBuiltIn)
        {
            call.Surroundings.Output.WriteLine($"{entry.Name} is built in: there is nothing to verify.");
            return Task.FromResult(ExitCode.Done);
        }

        var directory = FindDirectory(call, entry);
        if (!Directory.Exists(directory))
        {
            throw new InvalidInputException(entry.Mirrors.Count > 0
                ? $"There is no directory {directory}. Name the one above it with --data DIR, or fetch the files with 'disttrain data fetch'."
                : $"There is no directory {directory}. Name the one above it with --data DIR, and put {string.Join(", ", entry.Files.Select(file => file.Name))} there.");
        }

        var dataset = entry.Read!(directory);
        Report(call, $"{entry.Name} in {directory}", entry.Mirrors.Count > 0 ? "is complete and as published" : "is complete and can be read", dataset);
        return Task.FromResult(ExitCode.Done);
    }

    private static void Report(VerbCall call, string what, string state, Dataset dataset)
    {
        var images = dataset.Train;
        call.Surroundings.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what} {state}: {images.Count:N0} + {dataset.Test.Count:N0} samples, digest {dataset.Digest}; "
            + $"each ({images.Channels}, {images.Height}, {images.Width}) {(images.ElementKind == ElementKind.Byte ? "bytes" : "binary32 numbers")}, {images.ClassCount} classes."));
    }
}
