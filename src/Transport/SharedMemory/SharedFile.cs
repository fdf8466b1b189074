using System.IO.MemoryMappedFiles;

namespace DistTrain.Transport.SharedMemory;

/// <summary>
/// A file in memory, mapped by several processes. Its creator and, for a moment, each that opens it hold a shared lock on it; one that nobody holds is
/// left from processes that were killed (<see cref="RemoveLeftovers"/>).
/// </summary>
internal sealed unsafe class SharedFile : IDisposable
{
    /// <summary>Begins every name.</summary>
    private const string Prefix = "disttrain-";

    private readonly MemoryMappedViewAccessor _view;
    private readonly MemoryMappedViewAccessor? _readOnlyView;
    private readonly FileStream? _lock;
    private readonly string? _path;
    private bool _isUnlinked;
    private bool _isDisposed;

    private SharedFile(FileStream file, long length, string? path, long writable)
    {
        // The mapping outlives the file's handle; the handle is kept only for its lock.
        using var mapped = MemoryMappedFile.CreateFromFile(file, null, length, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        _view = mapped.CreateViewAccessor(0, writable);
        Pointer = PointerOf(_view);
        if (writable < length)
        {
            _readOnlyView = mapped.CreateViewAccessor(writable, length - writable, MemoryMappedFileAccess.Read);
            ReadOnlyPointer = PointerOf(_readOnlyView);
        }

        (_lock, _path) = path is null ? (null, null) : (file, path);
    }

    /// <summary>The first byte.</summary>
    public byte* Pointer { get; }

    /// <summary>The first byte of what this process may only read; null if it may write all.</summary>
    public byte* ReadOnlyPointer { get; }

    /// <summary>Makes a file of zeros that only this user may open. All of its memory is there, or none.</summary>
    /// <param name="directory">On a file system in memory.</param>
    /// <param name="name">Unique.</param>
    /// <param name="length">In bytes.</param>
    /// <exception cref="IOException">There is not so much memory, or the file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public static SharedFile Create(string directory, string name, long length)
    {
        var path = Path.Combine(directory, Prefix + name);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            PreallocationSize = length,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var file = new FileStream(path, options);
        try
        {
            file.SetLength(length);
            return new SharedFile(file, length, path, writable: length);
        }
        catch
        {
            file.Dispose();
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Maps a file of exactly this length.</summary>
    /// <param name="path">From its creator.</param>
    /// <param name="length">What it must have: less would be read beyond its end.</param>
    /// <param name="writable">How many bytes at its beginning may be written, whole pages; the rest can only be read.</param>
    /// <exception cref="IOException">It is not there, or has another length.</exception>
    /// <exception cref="UnauthorizedAccessException">It is another user's.</exception>
    public static SharedFile Open(string path, long length, long writable)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        return file.Length == length
            ? new SharedFile(file, length, path: null, writable)
            : throw new IOException($"{path} has {file.Length} bytes, not {length}.");
    }

    /// <summary>The path, for those who are to open it.</summary>
    public string FullPath => _path ?? throw new InvalidOperationException("Only its creator names a file.");

    /// <summary>Takes the name away: nobody opens the file any more, and its memory is free when the last mapping goes.</summary>
    public void Unlink()
    {
        if (_path is not null && !_isUnlinked)
        {
            _isUnlinked = true;
            File.Delete(_path);
        }
    }

    /// <summary>Removes files of processes that are gone.</summary>
    /// <param name="directory">Where to look.</param>
    /// <returns>How many there were.</returns>
    public static int RemoveLeftovers(string directory)
    {
        var removed = 0;
        foreach (var path in Directory.EnumerateFiles(directory, Prefix + "*"))
        {
            try
            {
                // Only whom nobody else holds can be had alone.
                using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0))
                {
                    File.Delete(path);
                    removed++;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // In use, another user's, or gone by now.
            }
        }

        return removed;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        Unlink();
        Release(_view);
        Release(_readOnlyView);
        _lock?.Dispose();
    }

    private static byte* PointerOf(MemoryMappedViewAccessor view)
    {
        var pointer = (byte*)null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        return pointer + view.PointerOffset;
    }

    private static void Release(MemoryMappedViewAccessor? view)
    {
        view?.SafeMemoryMappedViewHandle.ReleasePointer();
        view?.Dispose();
    }
}
