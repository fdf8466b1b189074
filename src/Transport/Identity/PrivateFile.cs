using System.Text;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Transport.Identity;

/// <summary>Files that only their owner may read, from the moment they exist.</summary>
public static class PrivateFile
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>A directory for them, made if missing with mode 0700.</summary>
    /// <exception cref="InvalidInputException">It cannot be made, or everybody may make files in it.</exception>
    public static void CreateDirectory(string path)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path);
            }
            else
            {
                Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                // A secret that Kubernetes mounts is in a directory of such a mode too, but nobody can write there.
                if ((File.GetUnixFileMode(path) & UnixFileMode.OtherWrite) != 0 && CanWrite(path))
                {
                    throw new InvalidInputException($"Everybody on this machine can make tokens in the directory {path}. Make it yours alone: chmod 700 {path}");
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The directory {path} for keys and certificates cannot be made: {e.Message} Name another one with --identity DIR.", e);
        }
    }

    private static bool CanWrite(string path)
    {
        try
        {
            using var probe = new FileStream(Path.Combine(path, Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Writes one, or replaces it as a whole, with mode 0600.</summary>
    /// <exception cref="InvalidInputException">It cannot be written.</exception>
    public static void Write(string path, string text)
    {
        var temporary = $"{path}.{Path.GetRandomFileName()}";
        try
        {
            try
            {
                Fill(Open(temporary), text);
                File.Move(temporary, path, overwrite: true);
                FlushDirectory(path);
            }
            finally
            {
                // Gone if it was moved.
                File.Delete(temporary);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, e);
        }
    }

    /// <summary>Makes one that is not there yet, with mode 0600. That it is there is what counts: its text may come a moment later.</summary>
    /// <returns>False if it is there: of several processes one succeeds.</returns>
    /// <exception cref="InvalidInputException">It cannot be made.</exception>
    public static bool TryCreate(string path, string text)
    {
        FileStream stream;
        try
        {
            // Exclusively, by the system: a look beforehand, and a move that looks, come too late for who is as quick.
            stream = Open(path);
        }
        catch (IOException) when (File.Exists(path))
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, e);
        }

        try
        {
            Fill(stream, text);
            FlushDirectory(path);
            return true;
        }
        catch (IOException e)
        {
            // A full disk: it is not to look as if it had been made.
            File.Delete(path);
            throw Unwritable(path, e);
        }
    }

    private static FileStream Open(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }

    private static void Fill(FileStream stream, string text)
    {
        using (stream)
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
    }

    private static void FlushDirectory(string path) => DiskFileSystem.Instance.FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

    private static InvalidInputException Unwritable(string path, Exception e) =>
        new($"{path} cannot be written: {e.Message} Make room for it there, or name another place (--identity DIR, --certificate FILE).", e);

    /// <summary>Reads one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isSecret">Whether others' being able to read it is an error.</param>
    /// <exception cref="InvalidInputException">It cannot be read, or is a secret that others can read.</exception>
    public static string Read(string path, bool isSecret)
    {
        try
        {
            if (isSecret && !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) is not UnixFileMode.None and var mode && !IsGroupReadOnly(mode))
            {
                throw new InvalidInputException($"{path} is a secret that others can read or write. Make it yours alone: chmod 600 {path}");
            }

            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>As Kubernetes gives a secret to a container that is not root: to its group, to read.</summary>
    private static bool IsGroupReadOnly(UnixFileMode mode) => mode == UnixFileMode.GroupRead;
}
