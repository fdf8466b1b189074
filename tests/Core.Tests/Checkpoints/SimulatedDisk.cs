using DistTrain.Core.Checkpoints;

namespace DistTrain.Core.Tests.Checkpoints;

/// <summary>What was asked of a <see cref="SimulatedDisk"/>.</summary>
internal enum DiskCall
{
    CreateDirectory, Create, OpenWrite, Write, SetLength, FlushFile, Rename, Delete, FlushDirectory, Lock, Read,
}

/// <summary>What a crash leaves of what has not been flushed.</summary>
internal enum CrashKind
{
    /// <summary>All of it: the process died, the system did not.</summary>
    ProcessOnly,

    /// <summary>Nothing: the power failed.</summary>
    LosesUnflushed,

    /// <summary>Any sectors of a file, and the first few of a directory's changes.</summary>
    Torn,
}

/// <summary>The machine is dead: every operation fails until <see cref="SimulatedDisk.Restart"/>.</summary>
internal sealed class CrashedException() : IOException("The machine has crashed.");

/// <summary>
/// A disk in memory that keeps apart what is visible from what is durable, and fails on request. A file's bytes are durable once flushed; if
/// a flush fails, the bytes written before it never are, unless written again. A name is durable once its directory is flushed.
/// </summary>
internal sealed partial class SimulatedDisk : IFileSystem
{
    private const int SectorBytes = 512;

    private readonly Lock _gate = new();
    private readonly HashSet<string> _locks = [];
    private FolderNode _root = new();
    private bool _isDead;

    /// <summary>The operations so far that change the disk.</summary>
    public int Operations { get; private set; }

    /// <summary>The operation in the midst of which the machine dies, from 1; 0 for none.</summary>
    public int CrashAt { get; set; }

    /// <summary>The most bytes it holds.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>Called before each operation with its path; may throw, or block.</summary>
    public Action<DiskCall, string>? Before { get; set; }

    /// <summary>Flushes of descriptors for which an earlier one had failed: never allowed.</summary>
    public int FlushesAfterFailure { get; private set; }

    public long UsedBytes => Files().Sum(path => (long)this[path].Length);

    /// <summary>A file's bytes, past all faults; what is set is durable.</summary>
    public byte[] this[string path]
    {
        get => Find<FileNode>(path)!.Content.ToArray();
        set
        {
            var (folder, name) = Parent(path);
            folder.Entries[name] = folder.Durable[name] = new FileNode { Content = [.. value], Durable = [.. value] };
        }
    }

    /// <summary>The paths of all files.</summary>
    public IReadOnlyList<string> Files()
    {
        var found = new List<string>();
        Walk("/", _root);
        return found;

        void Walk(string path, FolderNode folder)
        {
            foreach (var (name, node) in folder.Entries)
            {
                if (node is FolderNode below)
                {
                    Walk(Path.Combine(path, name), below);
                }
                else
                {
                    found.Add(Path.Combine(path, name));
                }
            }
        }
    }

    /// <summary>Takes a file or a directory away, past all faults.</summary>
    public void Remove(string path)
    {
        var (folder, name) = Parent(path);
        folder.Entries.Remove(name);
        folder.Durable.Remove(name);
    }

    /// <summary>Another disk with the same content, all durable, and no faults.</summary>
    public SimulatedDisk Clone() => new() { _root = _root.AfterCrash(CrashKind.ProcessOnly, random: null) };

    /// <summary>The same machine after a crash.</summary>
    public SimulatedDisk Restart(CrashKind kind, int seed = 0) => new() { _root = _root.AfterCrash(kind, new Random(seed)) };

    public void CreateDirectory(string path)
    {
        using var _ = Do(DiskCall.CreateDirectory, path);
        var folder = _root;
        foreach (var name in Names(path))
        {
            if (!folder.Entries.TryGetValue(name, out var node))
            {
                var made = node = new FolderNode();
                folder.Change(entries => entries[name] = made);
            }

            folder = node as FolderNode ?? throw new IOException($"{path} is a file.");
        }
    }

    public bool DirectoryExists(string path) => Find<FolderNode>(path) is not null;

    public IReadOnlyList<string> List(string directory) => [.. FolderAt(directory).Entries.Keys];

    public IWritableFile Create(string path)
    {
        using var _ = Do(DiskCall.Create, path);
        var file = OpenOrCreate(path);
        file.SetLength(0);
        return new Descriptor(this, path, file);
    }

    public IWritableFile OpenWrite(string path)
    {
        using var _ = Do(DiskCall.OpenWrite, path);
        return new Descriptor(this, path, OpenOrCreate(path));
    }

    public Stream OpenRead(string path)
    {
        Before?.Invoke(DiskCall.Read, path);
        return Find<FileNode>(path) is { } file
            ? new MemoryStream(file.Content.ToArray(), writable: false)
            : throw (Find<FolderNode>(Path.GetDirectoryName(path)!) is null ? new DirectoryNotFoundException(path) : new FileNotFoundException(path));
    }

    public void Rename(string source, string target)
    {
        using var _ = Do(DiskCall.Rename, source);
        var (folder, name) = Parent(source);
        var (targetFolder, targetName) = Parent(target);
        if (folder != targetFolder)
        {
            throw new NotSupportedException("Only within a directory.");
        }

        if (!folder.Entries.TryGetValue(name, out var node))
        {
            throw new FileNotFoundException(source);
        }

        if (folder.Entries.TryGetValue(targetName, out var old) && (old is FolderNode || node is FolderNode))
        {
            throw new IOException($"{target} is there already.");
        }

        folder.Change(entries =>
        {
            entries.Remove(name);
            entries[targetName] = node;
        });
    }

    public void DeleteFile(string path)
    {
        using var _ = Do(DiskCall.Delete, path);
        var (folder, name) = Parent(path);
        if (folder.Entries.ContainsKey(name))
        {
            folder.Change(entries => entries.Remove(name));
        }
    }

    public void DeleteDirectory(string path)
    {
        using var _ = Do(DiskCall.Delete, path);
        if (FolderAt(path).Entries.Count > 0)
        {
            throw new IOException($"{path} is not empty.");
        }

        var (folder, name) = Parent(path);
        folder.Change(entries => entries.Remove(name));
    }

    public void FlushDirectory(string path)
    {
        using var _ = Do(DiskCall.FlushDirectory, path);
        FolderAt(path).Flush();
    }

    public IDisposable? TryLock(string path)
    {
        using var _ = Do(DiskCall.Lock, path);
        OpenOrCreate(path);
        return _locks.Add(path) ? new Unlocking(() => _locks.Remove(path)) : null;
    }

    private Lock.Scope Do(DiskCall call, string path, Action? halfway = null)
    {
        Before?.Invoke(call, path);
        var scope = _gate.EnterScope();
        try
        {
            if (_isDead)
            {
                throw new CrashedException();
            }

            if (++Operations == CrashAt)
            {
                halfway?.Invoke();
                _isDead = true;
                throw new CrashedException();
            }
        }
        catch
        {
            scope.Dispose();
            throw;
        }

        return scope;
    }

    private FileNode OpenOrCreate(string path)
    {
        var (folder, name) = Parent(path);
        if (!folder.Entries.TryGetValue(name, out var node))
        {
            node = new FileNode();
            folder.Change(entries => entries[name] = node);
        }

        return node as FileNode ?? throw new UnauthorizedAccessException($"{path} is a directory.");
    }

    private (FolderNode Folder, string Name) Parent(string path) => (FolderAt(Path.GetDirectoryName(path)!), Path.GetFileName(path));

    private FolderNode FolderAt(string path) => Find<FolderNode>(path) ?? throw new DirectoryNotFoundException(path);

    private T? Find<T>(string path)
        where T : Node
    {
        Node? node = _root;
        foreach (var name in Names(path))
        {
            node = (node as FolderNode)?.Entries.GetValueOrDefault(name);
        }

        return node as T;
    }

    private static string[] Names(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private sealed class Unlocking(Action unlock) : IDisposable
    {
        public void Dispose() => unlock();
    }
}
