using DistTrain.Core.Checkpoints;

namespace DistTrain.Core.Formats;

/// <summary>Files that are there whole or not at all, whenever the process, the system or the power fails.</summary>
public static class DurableFile
{
    /// <summary>Writes a file of this machine: see the overload over a file system.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Write(DiskFileSystem.Instance, Path.GetFullPath(path), write);
    }

    /// <summary>
    /// Writes a file or replaces one: into <c>path.tmp</c> beside it, flushed to disk, renamed over <paramref name="path"/>, and the
    /// directory flushed. Until the rename an older file of that name stays as it was. If <paramref name="write"/> throws, the temporary
    /// file is deleted and the exception passes on.
    /// </summary>
    /// <param name="files">Where.</param>
    /// <param name="path">The file, in full; its directory exists.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="IOException">The disk is full, the directory is missing, or another process writes the same file.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory cannot be written to.</exception>
    public static void Write(IFileSystem files, string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        var temporary = path + ".tmp";
        // Opened outside the try: if another process holds it, it is not ours to delete.
        var file = files.Create(temporary);
        try
        {
            WriteAndClose(file, write);
            files.Rename(temporary, path);
        }
        catch
        {
            DeleteIfPossible(files, temporary);
            throw;
        }

        files.FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes a directory and those above it that are missing, each of them durably; one that is there is left as it is.</summary>
    /// <param name="files">Where.</param>
    /// <param name="path">The directory, in full.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static void CreateDirectory(IFileSystem files, string path)
    {
        if (files.DirectoryExists(path))
        {
            return;
        }

        var parent = Path.GetDirectoryName(path);
        if (parent is not null)
        {
            CreateDirectory(files, parent);
        }

        files.CreateDirectory(path);
        if (parent is not null)
        {
            files.FlushDirectory(parent);
        }
    }

    /// <summary>Writes a file, flushes it to disk and closes it.</summary>
    internal static void WriteAndClose(IWritableFile file, Action<Stream> write)
    {
        using (file)
        {
            write(file.Stream);
            file.FlushToDisk();
        }
    }

    /// <summary>On the way out of a failure, which is the one to report: what cannot be deleted now is replaced by the next attempt.</summary>
    private static void DeleteIfPossible(IFileSystem files, string path)
    {
        try
        {
            files.DeleteFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
