namespace DistTrain.Core.Checkpoints;

/// <summary>
/// What a run needs of a disk, one operation each, so that a test or a simulation can fail any one of them. Paths are full ones. Failures are
/// <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>; what is missing is <see cref="FileNotFoundException"/> or
/// <see cref="DirectoryNotFoundException"/>. Nothing is durable before the file, and then the directory that names it, has been flushed.
/// </summary>
public interface IFileSystem
{
    /// <summary>Makes a directory and those above it; one that is there already is left as it is.</summary>
    void CreateDirectory(string path);

    /// <summary>Whether there is a directory of that name.</summary>
    bool DirectoryExists(string path);

    /// <summary>The names of a directory's entries, ordinally ascending.</summary>
    IReadOnlyList<string> List(string directory);

    /// <summary>Makes an empty file, or empties one, for this process alone to write.</summary>
    IWritableFile Create(string path);

    /// <summary>Opens a file to write anywhere in it, for this process alone; makes it if it is missing. Others may read.</summary>
    IWritableFile OpenWrite(string path);

    /// <summary>Opens a file to read, also while somebody writes to it.</summary>
    Stream OpenRead(string path);

    /// <summary>Gives a file, or a directory, another name. A file of that name is replaced at once; a directory of that name is an error.</summary>
    void Rename(string source, string target);

    /// <summary>Deletes a file; a missing one is none to delete.</summary>
    void DeleteFile(string path);

    /// <summary>Deletes an empty directory.</summary>
    void DeleteDirectory(string path);

    /// <summary>Makes the names in a directory durable.</summary>
    void FlushDirectory(string path);

    /// <summary>Takes a lock that ends with this process, however that ends, or when disposed of.</summary>
    /// <returns>Null if another holds it.</returns>
    IDisposable? TryLock(string path);
}

/// <summary>A file open for writing.</summary>
public interface IWritableFile : IDisposable
{
    /// <summary>The content; it can seek and be cut off.</summary>
    Stream Stream { get; }

    /// <summary>
    /// Makes the content durable. If that fails, what has been written since the last time may be lost, although a second attempt would
    /// report success (fsyncgate): the file must be written again, through another descriptor.
    /// </summary>
    void FlushToDisk();
}
