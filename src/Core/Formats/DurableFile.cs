using System.Runtime.InteropServices;

namespace DistTrain.Core.Formats;

/// <summary>Files that are there whole or not at all, whenever the process, the system or the power fails.</summary>
public static partial class DurableFile
{
    /// <summary>
    /// Writes a file or replaces one: into <c>path.tmp</c> beside it, flushed to disk, renamed over <paramref name="path"/>, and the
    /// directory flushed. Until the rename an older file of that name stays as it was. If <paramref name="write"/> throws, the temporary
    /// file is deleted and the exception passes on.
    /// </summary>
    /// <param name="path">The file; its directory exists.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="IOException">The disk is full, the directory is missing, or another process writes the same file.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory cannot be written to.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        var target = Path.GetFullPath(path);
        var temporary = target + ".tmp";
        // Opened outside the try: if another process holds it, it is not ours to delete.
        var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None);
        try
        {
            using (stream)
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        FlushDirectory(Path.GetDirectoryName(target)!);
    }

    /// <summary>
    /// Makes the names in a directory durable. Windows does that with the rename; file systems that cannot flush a directory say so, and
    /// the rename is then as durable as they make it.
    /// </summary>
    private static void FlushDirectory(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(directory, flags: 0);
        if (descriptor >= 0)
        {
            _ = Flush(descriptor);
            _ = Close(descriptor);
        }
    }

    // The base class library opens no directories. O_RDONLY is 0 on every Unix.
    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
