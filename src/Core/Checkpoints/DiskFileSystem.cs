using System.Runtime.InteropServices;

namespace DistTrain.Core.Checkpoints;

/// <summary>The disk of this machine.</summary>
public sealed partial class DiskFileSystem : IFileSystem
{
    // EWOULDBLOCK on Linux and on macOS, and the sharing and lock violations of Windows.
    private static readonly int[] LockedCodes = [11, 35, unchecked((int)0x80070020), unchecked((int)0x80070021)];
    private const int Interrupted = 4;
    private const int PermissionDenied = 13;
    private const int InvalidArgument = 22;
    private const int ReadOnlyFileSystem = 30;
    private const int NotSupportedOnLinux = 95;
    private const int NotSupportedOnMac = 45;

    private DiskFileSystem()
    {
    }

    /// <summary>It has no state.</summary>
    public static DiskFileSystem Instance { get; } = new();

    /// <inheritdoc/>
    public void CreateDirectory(string path) => Directory.CreateDirectory(path);

    /// <inheritdoc/>
    public bool DirectoryExists(string path) => Directory.Exists(path);

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string directory) =>
        [.. Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public IWritableFile Create(string path) => new DiskFile(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None));

    /// <inheritdoc/>
    public IWritableFile OpenWrite(string path) => new DiskFile(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read));

    /// <inheritdoc/>
    public Stream OpenRead(string path) => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <inheritdoc/>
    public void Rename(string source, string target)
    {
        if (Directory.Exists(source))
        {
            Directory.Move(source, target);
        }
        else
        {
            File.Move(source, target, overwrite: true);
        }
    }

    /// <inheritdoc/>
    public void DeleteFile(string path) => File.Delete(path);

    /// <inheritdoc/>
    public void DeleteDirectory(string path) => Directory.Delete(path);

    /// <inheritdoc/>
    /// <remarks>
    /// Windows makes names durable with the rename. A file system that cannot flush a directory says so, and so does a directory that may be
    /// passed through but not read: its names are then as durable as the system makes them. Any other failure is one.
    /// </remarks>
    public void FlushDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Retry(() => OpenDescriptor(path, flags: 0));
        if (descriptor < 0)
        {
            if (Marshal.GetLastPInvokeError() == PermissionDenied)
            {
                return;
            }

            throw Failure(path, "opened");
        }

        try
        {
            Flush(descriptor, path);
        }
        finally
        {
            _ = CloseDescriptor(descriptor);
        }
    }

    /// <inheritdoc/>
    public IDisposable? TryLock(string path)
    {
        try
        {
            // Exclusive by flock on Unix.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (LockedCodes.Contains(e.HResult))
        {
            return null;
        }
    }

    /// <summary>What cannot be flushed by its nature, such as a pipe, is as durable as it gets; any other failure is one.</summary>
    private static void Flush(int descriptor, string path)
    {
        if (Retry(() => FlushDescriptor(descriptor)) < 0
            && Marshal.GetLastPInvokeError() is not (InvalidArgument or ReadOnlyFileSystem or NotSupportedOnLinux or NotSupportedOnMac))
        {
            throw Failure(path, "flushed to disk");
        }
    }

    private static IOException Failure(string path, string what) =>
        new($"'{path}' cannot be {what}: {Marshal.GetLastPInvokeErrorMessage()}");

    private static int Retry(Func<int> call)
    {
        int result;
        do
        {
            result = call();
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        return result;
    }

    // The base class library opens no directories. O_RDONLY is 0 on every Unix.
    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenDescriptor(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int FlushDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int CloseDescriptor(int descriptor);

    private sealed class DiskFile(FileStream stream) : IWritableFile
    {
        public Stream Stream => stream;

        /// <remarks>
        /// On Linux not by <see cref="FileStream.Flush(bool)"/>, which passes over an error of fsync (strace with an injected EIO shows it: row S2):
        /// bytes that never reached the disk would be taken for durable.
        /// </remarks>
        public void FlushToDisk()
        {
            if (!OperatingSystem.IsLinux())
            {
                stream.Flush(flushToDisk: true);
                return;
            }

            stream.Flush();
            DiskFileSystem.Flush((int)stream.SafeFileHandle.DangerousGetHandle(), stream.Name);
        }

        public void Dispose() => stream.Dispose();
    }
}
