using DistTrain.Core.Checkpoints;

namespace DistTrain.Simulation;

/// <summary>A disk as one process sees it. When the process is dead, nothing it still does reaches the disk.</summary>
internal sealed class ProcessDisk(SimulatedDisk disk, string host) : IFileSystem
{
    /// <summary>Whether the process has died.</summary>
    public bool IsDead { get; private set; }

    /// <summary>After so many operations the process dies; negative for never.</summary>
    public int OperationsToLive { get; set; } = -1;

    /// <summary>Told when the process dies in the middle of an operation.</summary>
    public Action? Died { get; init; }

    /// <summary>Whether flushing does what it says; false is a mutation.</summary>
    public bool Flushes { get; init; } = true;

    /// <summary>Whether what other processes wrote over a file of this name is seen; a mutation names one.</summary>
    public string? BlindFor { get; init; }

    /// <summary>How many files and directories with a temporary name were deleted.</summary>
    public int TemporariesDeleted { get; private set; }

    private byte[]? _ownOfBlind;

    /// <summary>The process is dead from now on.</summary>
    public void Die()
    {
        IsDead = true;
        disk.Unlock(this);
    }

    /// <inheritdoc/>
    public void CreateDirectory(string path)
    {
        Operate(writes: true);
        var current = "";
        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            current += "/" + name;
            if (disk.Find(current) is null)
            {
                disk.Parent(current).Set(name, new SimulatedDirectory());
            }
        }
    }

    /// <inheritdoc/>
    public bool DirectoryExists(string path)
    {
        Operate();
        return disk.Find(path) is SimulatedDirectory;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string directory)
    {
        Operate();
        return disk.Find(directory) is SimulatedDirectory found ? [.. found.Entries.Keys] : throw new DirectoryNotFoundException($"There is no {directory}.");
    }

    /// <inheritdoc/>
    public IWritableFile Create(string path)
    {
        Operate(writes: true);
        var file = new SimulatedFile();
        disk.Parent(path).Set(Path.GetFileName(path), file);
        return new SimulatedWriter(this, file);
    }

    /// <inheritdoc/>
    public IWritableFile OpenWrite(string path)
    {
        Operate();
        if (disk.Find(path) is not SimulatedFile file)
        {
            Operate(writes: true);
            file = new SimulatedFile();
            disk.Parent(path).Set(Path.GetFileName(path), file);
        }

        return new SimulatedWriter(this, file);
    }

    /// <inheritdoc/>
    public Stream OpenRead(string path)
    {
        Operate();
        if (BlindFor == Path.GetFileName(path) && _ownOfBlind is { } own)
        {
            return new MemoryStream(own, writable: false);
        }

        return disk.Find(path) is SimulatedFile file ? new MemoryStream([.. file.Content], writable: false) : throw new FileNotFoundException($"There is no {path}.");
    }

    /// <inheritdoc/>
    public void Rename(string source, string target)
    {
        Operate(writes: true);
        var node = disk.Find(source) ?? throw new FileNotFoundException($"There is no {source}.");
        if (disk.Find(target) is SimulatedDirectory)
        {
            throw new IOException($"{target} is a directory.");
        }

        disk.Parent(source).Set(Path.GetFileName(source), null);
        disk.Parent(target).Set(Path.GetFileName(target), node);
        if (BlindFor == Path.GetFileName(target) && node is SimulatedFile file)
        {
            _ownOfBlind = [.. file.Content];
        }
    }

    /// <inheritdoc/>
    public void DeleteFile(string path)
    {
        Operate();
        disk.Parent(path).Set(Path.GetFileName(path), null);
    }

    /// <inheritdoc/>
    public void DeleteDirectory(string path)
    {
        Operate();
        if (disk.Find(path) is SimulatedDirectory { Entries.Count: > 0 })
        {
            throw new IOException($"{path} is not empty.");
        }

        TemporariesDeleted += Path.GetFileName(path).StartsWith("tmp-", StringComparison.Ordinal) ? 1 : 0;
        disk.Parent(path).Set(Path.GetFileName(path), null);
    }

    /// <inheritdoc/>
    public void FlushDirectory(string path)
    {
        Operate();
        if (!Flushes)
        {
            return;
        }

        if (!disk.NextFlushSucceeds())
        {
            throw new IOException($"{path}: input/output error");
        }

        (disk.Find(path) as SimulatedDirectory ?? throw new DirectoryNotFoundException($"There is no {path}.")).Flush();
    }

    /// <inheritdoc/>
    public IDisposable? TryLock(string path)
    {
        Operate();
        return disk.TryLock(host, path, this) ? new Held(disk, this) : null;
    }

    /// <summary>Each operation begins here: dead processes do none, and some die in one.</summary>
    internal void Operate(bool writes = false)
    {
        if (!IsDead && OperationsToLive >= 0 && OperationsToLive-- == 0)
        {
            Die();
            Died?.Invoke();
        }

        if (IsDead)
        {
            throw new IOException("The process is dead.");
        }

        if (writes && disk.IsFull)
        {
            throw new IOException("No space left on device");
        }
    }

    /// <summary>Makes a file's content durable.</summary>
    internal void Flush(SimulatedFile file)
    {
        Operate();
        if (!Flushes)
        {
            return;
        }

        var succeeds = disk.NextFlushSucceeds();
        file.Flush(succeeds);
        if (!succeeds)
        {
            throw new IOException("Input/output error");
        }
    }

    private sealed class Held(SimulatedDisk disk, ProcessDisk process) : IDisposable
    {
        public void Dispose() => disk.Unlock(process);
    }
}
