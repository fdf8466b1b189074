using System.Globalization;
using System.Text;
using System.Text.Json;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Formats;
using DistTrain.Core.Search;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Search;

/// <summary>The winner on the test set.</summary>
/// <param name="Trial">Its number.</param>
/// <param name="Loss">Mean; null if not finite.</param>
/// <param name="Accuracy">Fraction, 0 to 1.</param>
public sealed record WinnerTest(int Trial, double? Loss, double? Accuracy);

/// <summary>What a search leaves, and finds again: search.json with its options and every result, written durably with each; one run directory per trial.</summary>
public sealed class SearchDirectory : IDisposable
{
    /// <summary>Options and results.</summary>
    public const string FileName = "search.json";

    private const string LockName = "lock";
    private const string TrialsName = "trials";
    private const int Format = 1;

    private readonly IDisposable _lock;
    private readonly Lock _gate = new();
    private Document? _document;

    private SearchDirectory(string path, IDisposable held, Document? document) => (FullPath, _lock, _document) = (path, held, document);

    /// <summary>The directory.</summary>
    public string FullPath { get; }

    /// <summary>The options that the search was begun with, by key; none before <see cref="Begin"/>.</summary>
    public IReadOnlyDictionary<string, string> Options => _document?.Options ?? [];

    /// <summary>Every result so far.</summary>
    public IReadOnlyList<TrialResult> Results
    {
        get
        {
            lock (_gate)
            {
                return _document?.Results ?? [];
            }
        }
    }

    /// <summary>The winner on the test set, once it was tested.</summary>
    public WinnerTest? Test => _document?.Test;

    /// <summary>search.json in full.</summary>
    public string DocumentPath => Path.Combine(FullPath, FileName);

    /// <summary>Whether <c>--out</c> holds a search that is to go on.</summary>
    /// <exception cref="InvalidInputException">It can be neither begun nor gone on with there.</exception>
    public static bool GoesOn(string path, bool resumes)
    {
        if (!resumes || !Directory.Exists(path))
        {
            RunDirectory.RequireUsable(path);
            return false;
        }

        if (File.Exists(Path.Combine(path, FileName)))
        {
            return true;
        }

        // What a kill before the first write may leave.
        return Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName).Any(name => name is not (LockName or FileName + ".tmp"))
            ? throw new InvalidInputException($"The directory {path} is not empty, but holds no search that could go on. Nothing was changed; give --out a search's directory, or a new one.")
            : false;
    }

    /// <summary>Takes a directory, which is made if it is missing.</summary>
    /// <exception cref="InvalidInputException">Another process holds it, it cannot be written to, or its search.json is damaged.</exception>
    public static SearchDirectory Open(string path)
    {
        IDisposable? held = null;
        try
        {
            DurableFile.CreateDirectory(DiskFileSystem.Instance, path);
            held = DiskFileSystem.Instance.TryLock(Path.Combine(path, LockName));
            if (held is null)
            {
                throw new InvalidInputException($"The directory {path} is in use by another search. Stop that one first, or give --out another directory.");
            }

            var file = Path.Combine(path, FileName);
            return new SearchDirectory(path, held, File.Exists(file) ? Read(file) : null);
        }
        catch (Exception e)
        {
            held?.Dispose();
            throw e is IOException or UnauthorizedAccessException
                ? new InvalidInputException($"The directory {path} cannot be made, read or written to: {e.Message}", e)
                : e;
        }
    }

    /// <summary><c>./runs/yyyyMMdd-HHmmss-search</c></summary>
    public static string DefaultPath(Surroundings surroundings) => surroundings.Resolve(Path.Combine(
        "runs", surroundings.Time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture) + "-search"));

    /// <summary>Where a trial's run is kept.</summary>
    public string TrialPath(int number) => Path.Combine(FullPath, TrialsName, number.ToString("000", CultureInfo.InvariantCulture));

    /// <summary>Begins, or makes sure that it is the same search that goes on.</summary>
    /// <param name="request">The search.</param>
    /// <param name="data">What trials train on and are scored on.</param>
    /// <exception cref="InvalidInputException">It is another one; the message says in what.</exception>
    public void Begin(SearchRequest request, DatasetSpec data)
    {
        if (_document is not { } begun)
        {
            _document = new Document(Format, RunSpec.CurrentNumericsRevision, new SortedDictionary<string, string>(request.Given.ToDictionary(), StringComparer.Ordinal), data, []);
            Write();
            return;
        }

        List<string> differences = [.. SearchRequest.Identity
            .Select(setting => (setting.Name, Then: begun.Options.GetValueOrDefault(setting.Key), Now: request.Given.GetValueOrDefault(setting.Key)))
            .Where(option => option.Then != option.Now)
            .Select(option => $"{option.Name} is {option.Then ?? "not given"} there, {option.Now ?? "not given"} here")];
        if (begun.Dataset.Digest != data.Digest)
        {
            differences.Add($"the data has digest {begun.Dataset.Digest} there, {data.Digest} here");
        }

        if (begun.NumericsRevision != RunSpec.CurrentNumericsRevision)
        {
            differences.Add($"its bits follow numerics revision {begun.NumericsRevision}, this build {RunSpec.CurrentNumericsRevision}");
        }

        if (differences.Count > 0)
        {
            throw new InvalidInputException(
                $"{FullPath} holds another search: {string.Join("; ", differences)}. Leave these options out to go on with it, or begin another search in another --out.");
        }
    }

    /// <summary>Keeps a result; any thread.</summary>
    public void Add(TrialResult result)
    {
        lock (_gate)
        {
            // In one order whoever was faster, so that equal searches leave equal files.
            _document = _document! with { Results = [.. _document.Results.Append(result).OrderBy(known => known.Trial).ThenBy(known => known.Rung)] };
            Write();
        }
    }

    /// <summary>Keeps how the winner did on the test set.</summary>
    public void Add(WinnerTest test)
    {
        lock (_gate)
        {
            _document = _document! with { Test = test };
            Write();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private void Write()
    {
        var text = SpecJson.Write(_document) + "\n";
        DurableFile.Write(DocumentPath, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }

    private static Document Read(string path)
    {
        try
        {
            var document = JsonSerializer.Deserialize<Document>(File.ReadAllText(path), SpecJson.Options) ?? throw new JsonException("it says null.");
            return document.Format == Format ? document : throw new InvalidInputException($"{path} has format {document.Format}; this build reads {Format}.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new InvalidInputException($"{path} is damaged: {SpecJson.WithoutTypes(e.Message)} Begin the search again in another --out.", e);
        }
    }

    private sealed record Document(
        int Format, int NumericsRevision, SortedDictionary<string, string> Options, DatasetSpec Dataset, IReadOnlyList<TrialResult> Results, WinnerTest? Test = null);
}
