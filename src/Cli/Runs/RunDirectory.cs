using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>Where a run leaves its files. Each is there whole or not at all, but for those that grow by lines.</summary>
public sealed class RunDirectory
{
    /// <summary>What <c>--config</c> reads back to repeat the run.</summary>
    public const string RunFileName = "run.json";

    /// <summary>The run's history.</summary>
    public const string MetricsFileName = "metrics.jsonl";

    /// <summary>A page about the run.</summary>
    public const string ReportFileName = "report.html";

    /// <summary>The trained parameters.</summary>
    public const string ParametersFileName = "parameters.safetensors";

    private const int HashCharacters = 8;

    private readonly bool _isNew;

    private RunDirectory(string path, bool isNew = false) => (FullPath, _isNew) = (path, isNew);

    /// <summary>The directory.</summary>
    public string FullPath { get; }

    /// <summary>One JSON object per line: what <c>--json</c> prints, with progress at intervals of its own, and who worked on it.</summary>
    public string MetricsPath => Path.Combine(FullPath, MetricsFileName);

    /// <summary>The log.</summary>
    public string LogPath => Path.Combine(FullPath, "log");

    /// <summary>See <see cref="RunFileName"/>.</summary>
    public string RunPath => Path.Combine(FullPath, RunFileName);

    /// <summary>See <see cref="ParametersFileName"/>.</summary>
    public string ParametersPath => Path.Combine(FullPath, ParametersFileName);

    /// <summary>The report: <see cref="Web.RunReport"/>.</summary>
    public string ReportPath => Path.Combine(FullPath, ReportFileName);

    /// <summary>What a worker process of this run writes to its standard error.</summary>
    public string WorkerLogPath(int number) => Path.Combine(FullPath, FormattableString.Invariant($"worker-{number}.log"));

    /// <summary>The first hexadecimal digits of the specification's SHA-256: part of the default name.</summary>
    public static string ShortHash(RunSpec spec) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(SpecJson.Write(spec, indented: false))))[..HashCharacters];

    /// <summary><c>./runs/yyyyMMdd-HHmmss-hash</c></summary>
    public static string DefaultPath(RunSpec spec, Surroundings surroundings) => surroundings.Resolve(Path.Combine(
        "runs", surroundings.Time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture) + "-" + ShortHash(spec)));

    /// <summary>Finds out early, before data is loaded, whether a run could begin here; changes nothing.</summary>
    /// <exception cref="InvalidInputException">There is a file of that name, or files in the directory.</exception>
    public static void RequireUsable(string path)
    {
        if (File.Exists(path))
        {
            throw new InvalidInputException($"{path} is a file; --out needs a directory, new or empty.");
        }

        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).FirstOrDefault() is { } entry)
        {
            throw new InvalidInputException(
                $"The run directory {path} is not empty: it holds {Path.GetFileName(entry)}. Nothing was changed; give --out a new or an empty directory.");
        }
    }

    /// <summary>Makes the directory and takes it: of two runs that begin in one place at the same time, the second is refused.</summary>
    /// <exception cref="InvalidInputException">It is not empty, or cannot be made or written to.</exception>
    public static RunDirectory Create(string path)
    {
        RequireUsable(path);
        try
        {
            var isNew = !Directory.Exists(path);
            DurableFile.CreateDirectory(DiskFileSystem.Instance, Path.GetFullPath(path));
            var directory = new RunDirectory(Path.GetFullPath(path), isNew);
            // Making a file that must not be there is atomic; making a directory is not.
            new FileStream(directory.MetricsPath, FileMode.CreateNew).Dispose();
            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            RequireUsable(path);
            throw new InvalidInputException($"The run directory {path} cannot be made or written to: {e.Message}", e);
        }
    }

    /// <summary>Makes a directory that nobody named, for which a free name is found: <c>path</c>, <c>path-2</c>, <c>path-3</c> …</summary>
    /// <exception cref="InvalidInputException">It cannot be made or written to.</exception>
    public static RunDirectory CreateFree(string path)
    {
        for (var number = 1; ; number++)
        {
            var candidate = number == 1 ? path : FormattableString.Invariant($"{path}-{number}");
            if (Path.Exists(candidate))
            {
                continue;
            }

            try
            {
                return Create(candidate);
            }
            catch (InvalidInputException) when (File.Exists(new RunDirectory(candidate).MetricsPath))
            {
                // Another run was faster.
            }
        }
    }

    /// <summary>A finished run's directory.</summary>
    /// <exception cref="InvalidInputException">It is missing.</exception>
    public static RunDirectory Open(string path) => Directory.Exists(path)
        ? new RunDirectory(path)
        : throw new InvalidInputException($"There is no run directory {path}. 'disttrain train' prints where it puts its runs.");

    /// <summary>Whether a run was begun there, however far it came.</summary>
    public static bool HoldsRun(string path) => new RunDirectory(path) is var run && (File.Exists(run.MetricsPath) || File.Exists(run.RunPath));

    /// <summary>What the run has recorded so far; of a line that is torn, not known or without what it is about, nothing. The run may go on meanwhile.</summary>
    public IEnumerable<RunEvent> ReadMetrics() => ReadLines(MetricsPath).Select(RunEvent.FromJson).OfType<RunEvent>()
        .Where(happened => happened is not (Started { Run: null } or Started { Model: null } or ClusterGlance { Workers: null } or WorkerChanged { What: null }));

    /// <summary>The lines of a file that somebody may be writing; none if it is missing.</summary>
    internal static IEnumerable<string> ReadLines(string path)
    {
        // What has no length has no lines; a pipe would be waited for.
        if (new FileInfo(path) is not { Exists: true, Length: > 0 })
        {
            yield break;
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        // What is no file, such as a device, has no length, and need not have an end.
        while (stream.CanSeek && stream.Length > 0 && reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    /// <summary>Takes back <see cref="Create"/> for a run that did not begin: its first files, and the directory if it was made for it.</summary>
    public void Discard()
    {
        foreach (var path in (ReadOnlySpan<string>)[LogPath, MetricsPath, RunPath, .. RunJournal.FileNames.Select(name => Path.Combine(FullPath, name))])
        {
            File.Delete(path);
        }

        if (_isNew)
        {
            Directory.Delete(FullPath);
        }
    }

    /// <summary>Writes the specification, and where the data was asked for.</summary>
    public void WriteRun(RunSpec spec, string? dataDirectory)
    {
        var text = TextOf(spec, dataDirectory);
        DurableFile.Write(RunPath, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Reads back what <see cref="WriteRun"/> wrote, without where the data was asked for.</summary>
    /// <exception cref="InvalidInputException">It is missing or damaged.</exception>
    public RunSpec ReadRun()
    {
        try
        {
            var run = JsonNode.Parse(File.ReadAllText(RunPath)) as JsonObject ?? throw new JsonException("it is no JSON object");
            run.Remove("data");
            return SpecJson.ReadRun(run.ToJsonString(), RunPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new InvalidInputException($"{RunPath} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The text of <see cref="RunPath"/>.</summary>
    internal static string TextOf(RunSpec spec, string? dataDirectory)
    {
        var run = JsonSerializer.SerializeToNode(spec, SpecJson.WritingOptions)!.AsObject();
        if (dataDirectory is not null)
        {
            run["data"] = dataDirectory;
        }

        return run.ToJsonString(SpecJson.WritingOptions) + "\n";
    }

    /// <summary>Writes the parameters under PyTorch's names and in its layouts.</summary>
    public void WriteParameters(ParameterSet parameters) => DurableFile.Write(
        ParametersPath, stream => SafeTensors.Write(stream, parameters.Layout, parameters.Values, new Dictionary<string, string> { ["format"] = "pt" }));
}
