using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// A run's checkpoints, a directory each. One is there whole or not at all, whenever the process, the system or the power fails; whatever
/// happens to its bytes later is found when it is read. docs/checkpoints.md tells the order of writing and why.
/// </summary>
/// <param name="files">The disk.</param>
/// <param name="directory">Where they lie; made with the first one.</param>
public sealed class CheckpointStore(IFileSystem files, string directory)
{
    /// <summary>The file that makes a directory a checkpoint, written last.</summary>
    public const string ManifestName = CheckpointFormat.ManifestName;

    private readonly string _directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));

    private bool _hasDurableName;

    /// <summary>Where they lie.</summary>
    public string Directory => _directory;

    /// <summary>Whether there is no checkpoint here, valid or not.</summary>
    public bool IsEmpty => NewestFirst().Count == 0;

    /// <summary>The steps behind the checkpoints that are here, valid or not, the newest first. In a run that goes on the oldest may vanish at any moment.</summary>
    public IReadOnlyList<long> Steps => [.. NewestFirst().Select(path => CheckpointFormat.StepsOf(Path.GetFileName(path))!.Value)];

    /// <summary>The newest one's steps by its name, valid or not; null if there is none.</summary>
    public long? NewestSteps => NewestFirst().Select(path => CheckpointFormat.StepsOf(Path.GetFileName(path))).FirstOrDefault();

    /// <summary>Whether a directory is, by its name, a checkpoint.</summary>
    public static bool IsCheckpointName(string name) => CheckpointFormat.StepsOf(name) is not null;

    /// <summary>Saves a snapshot. When this returns, it is durable.</summary>
    /// <param name="snapshot">What to save.</param>
    /// <param name="incarnation">Of the coordinator that saves.</param>
    /// <param name="beforeRename">Called when everything is on disk under a temporary name; if it throws, nothing has been saved. May be null.</param>
    /// <returns>The checkpoint's directory.</returns>
    /// <exception cref="NotFiniteException">Parameters or optimizer hold NaN or infinity; nothing was written.</exception>
    /// <exception cref="IOException">The save failed as a whole; earlier checkpoints are untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public string Save(TrainingSnapshot snapshot, ulong incarnation, Action? beforeRename = null)
    {
        RequireFinite(snapshot);
        EnsureDirectory();
        var name = CheckpointFormat.DirectoryName(snapshot.StepsDone);
        var target = Path.Combine(_directory, name);
        // Of this incarnation alone: an older one that does not know yet may be writing the same step.
        var temporary = Path.Combine(_directory, CheckpointFormat.TemporaryName(FormattableString.Invariant($"save-{incarnation}"), name));
        if (!IsSaved(target, snapshot))
        {
            try
            {
                Write(temporary, snapshot, incarnation);
                beforeRename?.Invoke();
                MakeWay(target, name);
                files.Rename(temporary, target);
            }
            catch
            {
                DeleteIfPossible(temporary);
                throw;
            }
        }
        else
        {
            beforeRename?.Invoke();
        }

        files.FlushDirectory(_directory);
        return target;
    }

    /// <summary>Reads a checkpoint and verifies everything: manifest, sizes, hashes, every member of the JSON, names and shapes of the tensors.</summary>
    /// <param name="path">Its directory, in this store or elsewhere.</param>
    /// <exception cref="InvalidInputException">The message names the first damaged file and what is wrong with it.</exception>
    public LoadedCheckpoint Load(string path) => new CheckpointReader(files, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))).Load();

    /// <summary>The same for the checkpoint after so many steps.</summary>
    /// <exception cref="InvalidInputException">The same; or there is none.</exception>
    public LoadedCheckpoint Load(long stepsDone) => Load(PathOf(stepsDone));

    /// <summary>Where the checkpoint after so many steps lies, if there is one.</summary>
    public string PathOf(long stepsDone) => Path.Combine(_directory, CheckpointFormat.DirectoryName(stepsDone));

    /// <summary>Reads the newest valid checkpoint.</summary>
    /// <param name="warn">Told of each newer one that cannot be used, and why.</param>
    /// <returns>Null if there is none.</returns>
    public LoadedCheckpoint? LoadNewest(Action<string> warn)
    {
        foreach (var path in NewestFirst())
        {
            try
            {
                return Load(path);
            }
            catch (InvalidInputException e)
            {
                warn($"The checkpoint {Path.GetFileName(path)} is passed over: {e.Message}");
            }
        }

        return null;
    }

    /// <summary>
    /// Keeps the newest <paramref name="count"/> valid checkpoints and deletes those older than them, and what failed saves left behind.
    /// A damaged one does not count; while there are fewer valid ones, none is deleted.
    /// </summary>
    /// <param name="count">At least 1.</param>
    /// <exception cref="IOException">Something could not be deleted.</exception>
    public void Retain(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        DeleteTemporaries();
        var all = NewestFirst();
        if (all.Count <= count)
        {
            return;
        }

        var valid = 0;
        foreach (var path in all)
        {
            if (valid == count)
            {
                // Under its own name a checkpoint is never in parts.
                var temporary = Path.Combine(_directory, CheckpointFormat.TemporaryName("delete", Path.GetFileName(path)));
                files.Rename(path, temporary);
                Delete(temporary);
            }
            else if (Verify(path) is not null)
            {
                valid++;
            }
        }
    }

    /// <summary>Deletes what failed saves and crashes left behind.</summary>
    /// <exception cref="IOException">Something could not be deleted.</exception>
    public void DeleteTemporaries()
    {
        if (!files.DirectoryExists(_directory))
        {
            return;
        }

        foreach (var name in files.List(_directory).Where(CheckpointFormat.IsTemporary))
        {
            Delete(Path.Combine(_directory, name));
        }
    }

    /// <summary>The highest incarnation that has saved one of the valid checkpoints; 0 if there is none.</summary>
    public ulong HighestIncarnation() => NewestFirst().Select(Verify).Max(state => state?.Incarnation) ?? 0;

    private IReadOnlyList<string> NewestFirst() => !files.DirectoryExists(_directory)
        ? []
        : [.. files.List(_directory).Where(name => CheckpointFormat.StepsOf(name) is not null).Reverse().Select(name => Path.Combine(_directory, name))];

    private CheckpointState? Verify(string path)
    {
        try
        {
            return new CheckpointReader(files, path).Verify();
        }
        catch (InvalidInputException)
        {
            // LoadNewest says why, to whom it matters.
            return null;
        }
    }

    /// <summary>Whether this snapshot is there already, undamaged.</summary>
    private bool IsSaved(string target, TrainingSnapshot snapshot) =>
        files.DirectoryExists(target) && Verify(target)?.ChainValue() == snapshot.Chain;

    /// <summary>One that is there already may be what a crash or a failed flush left of the first save: its name is made durable once more.</summary>
    private void EnsureDirectory()
    {
        if (!_hasDurableName)
        {
            DurableFile.CreateDirectory(files, _directory);
            files.FlushDirectory(Path.GetDirectoryName(_directory)!);
            _hasDurableName = true;
        }
    }

    private void Write(string temporary, TrainingSnapshot snapshot, ulong incarnation)
    {
        if (files.DirectoryExists(temporary))
        {
            Delete(temporary);
        }

        files.CreateDirectory(temporary);
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        ManifestFile[] written =
        [
            WriteFile(temporary, CheckpointFormat.ParametersName, stream => SafeTensors.Write(stream, [("", snapshot.Parameters)], metadata)),
            WriteFile(temporary, CheckpointFormat.OptimizerName, stream => SafeTensors.Write(stream, CheckpointReader.OptimizerSets(snapshot), metadata)),
            WriteFile(temporary, CheckpointFormat.StateName, stream => stream.Write(CheckpointState.Of(snapshot, incarnation).Write())),
        ];
        WriteFile(temporary, CheckpointFormat.ManifestName, stream => stream.Write(CheckpointManifest.Write(written)));
        files.FlushDirectory(temporary);
    }

    private ManifestFile WriteFile(string temporary, string name, Action<Stream> write)
    {
        using var hashing = new HashingStream();
        DurableFile.WriteAndClose(files.Create(Path.Combine(temporary, name)), stream =>
        {
            hashing.Target = stream;
            write(hashing);
        });
        return new ManifestFile(name, hashing.Length, hashing.Sha256());
    }

    /// <summary>Moves a damaged checkpoint, or another run's, out of the way of a whole one.</summary>
    private void MakeWay(string target, string name)
    {
        if (!files.DirectoryExists(target))
        {
            return;
        }

        var old = Path.Combine(_directory, CheckpointFormat.TemporaryName("replaced", name));
        if (files.DirectoryExists(old))
        {
            Delete(old);
        }

        files.Rename(target, old);
    }

    private void Delete(string path)
    {
        if (!files.DirectoryExists(path))
        {
            files.DeleteFile(path);
            return;
        }

        foreach (var name in files.List(path))
        {
            Delete(Path.Combine(path, name));
        }

        files.DeleteDirectory(path);
    }

    /// <summary>On the way out of a failure, which is the one to report: what cannot be deleted now goes with the next save or start.</summary>
    private void DeleteIfPossible(string temporary)
    {
        try
        {
            Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static unsafe void RequireFinite(TrainingSnapshot snapshot)
    {
        Require("parameters", snapshot.Parameters);
        for (var i = 0; i < snapshot.Slots.Count; i++)
        {
            Require(snapshot.SlotNames[i], snapshot.Slots[i]);
        }

        void Require(string what, ParameterSet values)
        {
            if (!VectorKernels.Best.AllFinite(values.Pointer, (nint)values.Layout.Length))
            {
                throw new NotFiniteException($"After step {snapshot.StepsDone} the {what} are not all finite; the checkpoint was not saved, earlier ones are unharmed.");
            }
        }
    }
}
