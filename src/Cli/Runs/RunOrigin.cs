using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Cli.Runs;

/// <summary>Where a run begins, as <c>--out</c> and <c>--resume</c> say. Looks, and changes nothing.</summary>
/// <param name="Path">The run directory; null for a new one under runs/.</param>
/// <param name="GoesOn">The directory holds a run, which goes on.</param>
/// <param name="Checkpoint">The checkpoint to go on from; null for the newest, or for none.</param>
/// <param name="Source">Another run, whose newest checkpoint is where this one begins; null for none.</param>
public sealed record RunOrigin(string? Path, bool GoesOn = false, string? Checkpoint = null, string? Source = null)
{
    private const string Auto = "auto";

    /// <summary>Whether the run must begin at a checkpoint.</summary>
    public bool NeedsCheckpoint => Checkpoint is not null || Source is not null;

    /// <summary>Reads the options.</summary>
    /// <exception cref="InvalidInputException">They name nothing that a run can begin in or go on from.</exception>
    public static RunOrigin From(SettingValues values, Surroundings surroundings)
    {
        var path = values.FindText(CommonOptions.Out) is { } text ? Resolve(text, surroundings) : null;
        var resume = values.FindText(CommonOptions.Resume);
        if (resume is null)
        {
            return New(path);
        }

        if (resume == Auto)
        {
            return path is null
                ? throw new InvalidInputException("--resume auto goes on with the run in --out DIR, or begins it there: name that directory.")
                : Holds(path) ? new RunOrigin(path, GoesOn: true) : New(path);
        }

        var from = Resolve(resume, surroundings);
        if (IsCheckpoint(from))
        {
            var run = System.IO.Path.GetDirectoryName(System.IO.Path.GetDirectoryName(from)) is { } above && RunDirectory.HoldsRun(above) ? above : null;
            return path is not null && path != run ? New(path) with { Checkpoint = from }
                : run is not null ? new RunOrigin(run, GoesOn: true, Checkpoint: from)
                : throw new InvalidInputException($"The checkpoint {from} does not lie in a run's directory; name one for the run with --out DIR.");
        }

        if (!RunDirectory.HoldsRun(from))
        {
            throw new InvalidInputException($"--resume is {from}, which is neither a checkpoint nor a run directory. A run's checkpoints are in DIR/{RunJournal.CheckpointsName}/.");
        }

        return path is null || path == from ? new RunOrigin(from, GoesOn: true) : New(path) with { Source = from };
    }

    /// <summary>A shell completes a directory's name with a slash; it is the same directory.</summary>
    private static string Resolve(string path, Surroundings surroundings) => System.IO.Path.TrimEndingDirectorySeparator(surroundings.Resolve(path));

    private static bool IsCheckpoint(string path) =>
        Directory.Exists(path) && (CheckpointStore.IsCheckpointName(System.IO.Path.GetFileName(path)) || File.Exists(System.IO.Path.Combine(path, CheckpointStore.ManifestName)));

    private static RunOrigin New(string? path)
    {
        if (path is not null)
        {
            RunDirectory.RequireUsable(path);
        }

        return new RunOrigin(path);
    }

    private static bool Holds(string path) => Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any()
        && (RunDirectory.HoldsRun(path) ? true : throw new InvalidInputException(
            $"The directory {path} is not empty, but holds no run that could go on. Nothing was changed; give --out a run's directory, or a new one."));
}
