using System.Text;
using DistTrain.Core;

namespace DistTrain.Transport.Identity;

/// <summary>Files that only their owner may read, from the moment they exist.</summary>
public static class PrivateFile
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>A directory for them, made if missing with mode 0700.</summary>
    /// <exception cref="InvalidInputException">It cannot be made.</exception>
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
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The directory {path} for keys and certificates cannot be made: {e.Message} Name another one with --identity DIR.", e);
        }
    }

    /// <summary>Writes one, or replaces it as a whole, with mode 0600.</summary>
    /// <exception cref="InvalidInputException">It cannot be written.</exception>
    public static void Write(string path, string text)
    {
        var temporary = $"{path}.{Path.GetRandomFileName()}";
        try
        {
            Create(temporary, text);
            try
            {
                File.Move(temporary, path, overwrite: true);
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
        try
        {
            // Exclusively, by the system: a look beforehand, and a move that looks, come too late for who is as quick.
            Create(path, text);
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, e);
        }
    }

    private static void Create(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var stream = new FileStream(path, options);
        stream.Write(Encoding.UTF8.GetBytes(text));
        stream.Flush(flushToDisk: true);
    }

    private static InvalidInputException Unwritable(string path, Exception e) =>
        new($"{path} cannot be written: {e.Message} Name another directory with --identity DIR.", e);

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
