using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using DistTrain.Core;
using DistTrain.Transport;

namespace DistTrain.Coordinator;

/// <summary>The file of a socket that workers and operators of this user connect to, and nobody else.</summary>
internal static partial class SocketFile
{
    private const string Cure = "Choose another path with --listen unix:PATH.";
    private const string NameInRoom = "s";

    /// <summary>ENXIO: what Linux answers to who opens a socket as if it were a file.</summary>
    private const int IsSocket = 6;

    /// <summary>Listens at a path. A file that a killed coordinator has left there is replaced.</summary>
    /// <param name="path">Absolute, at most <see cref="CoordinatorAddress.MaximumPathBytes"/> bytes.</param>
    /// <exception cref="InvalidInputException">Somebody listens there, or no socket can be made there.</exception>
    public static Socket Listen(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new InvalidInputException($"Cannot listen on unix:{path}: on Windows a socket's file does not say who may connect. Choose --listen HOST:PORT.");
        }

        try
        {
            return TryRemove(path) ? Make(path) : throw new InvalidInputException($"Somebody listens on unix:{path}, perhaps another coordinator, which can be stopped. {Cure}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
        {
            throw new InvalidInputException($"Cannot listen on unix:{path}: {e.Message.TrimEnd('.')}. {Cure}", e);
        }
    }

    /// <summary>Removes a socket that nobody listens on, if there is one.</summary>
    /// <param name="path">As for <see cref="Listen"/>.</param>
    /// <returns>False if somebody listens, so that it stays.</returns>
    /// <exception cref="IOException">What is there is no socket, or cannot be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">It is another user's, or a directory.</exception>
    /// <exception cref="SocketException">It is another kind of socket.</exception>
    public static bool TryRemove(string path)
    {
        if (!Exists(path))
        {
            return true;
        }

        if (IsAnswered(path))
        {
            return false;
        }

        // Looked at again where nobody else finds it: of two that start at once the slower one must not remove what the quicker one has just made.
        var aside = Path.Combine(Path.GetDirectoryName(path)!, Path.GetRandomFileName());
        File.Move(path, aside, overwrite: true);
        if (IsAnswered(aside))
        {
            GiveName(aside, path);
            return false;
        }

        File.Delete(aside);
        return true;
    }

    /// <remarks>
    /// Who may connect is asked when somebody connects, so a mode that comes after the name comes too late for who was quick. The socket is made in a
    /// directory that only this user can enter, and gets its name when it has its mode and is listened on: what lies at the path is answered or dead,
    /// and never about to be one of the two.
    /// </remarks>
    [UnsupportedOSPlatform("windows")]
    private static Socket Make(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(directory))
        {
            throw new IOException($"there is no directory {directory}");
        }

        var room = Path.Combine(directory, Path.GetRandomFileName());
        var made = Path.Combine(room, NameInRoom);
        if (Encoding.UTF8.GetByteCount(made) - CoordinatorAddress.MaximumPathBytes is > 0 and var excess)
        {
            throw new IOException($"the path of its directory is {excess} bytes too long");
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            Directory.CreateDirectory(room, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            socket.Bind(new UnixDomainSocketEndPoint(made));
            File.SetUnixFileMode(made, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            socket.Listen();
            GiveName(made, path);
            Directory.Delete(room);
            return socket;
        }
        catch
        {
            socket.Dispose();
            if (Directory.Exists(room))
            {
                Directory.Delete(room, recursive: true);
            }

            throw;
        }
    }

    /// <summary>Gives a socket another name; fails if anything has come there since.</summary>
    /// <remarks>The library's move looks first and renames then: of two at once the second would take the first one's place, and both would believe that they are found.</remarks>
    /// <exception cref="IOException">Something is there, or it cannot be done.</exception>
    private static void GiveName(string socket, string path)
    {
        if (Link(socket, path) != 0)
        {
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }

        File.Delete(socket);
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string existing, string name);

    /// <summary>Whether a socket is there.</summary>
    /// <exception cref="IOException">It is something else.</exception>
    private static bool Exists(string path)
    {
        try
        {
            // For reading and writing, so that a pipe does not wait for its other end.
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            throw new IOException("what is there is no socket, and stays");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (IOException e) when (e.HResult == IsSocket)
        {
            return true;
        }
    }

    private static bool IsAnswered(string path)
    {
        using var caller = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            caller.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused)
        {
            return false;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock)
        {
            // Many others are waiting to be answered.
            return true;
        }
    }
}
