using System.Net;
using System.Net.Sockets;
using System.Text;
using DistTrain.Core;

namespace DistTrain.Transport;

/// <summary>Where a coordinator is, as users write it: <c>HOST:PORT</c>, or <c>unix:PATH</c> for a socket in the file system.</summary>
public static class CoordinatorAddress
{
    /// <summary>Bytes of the longest path of a socket: Linux has room for 108, the last of them 0.</summary>
    public const int MaximumPathBytes = 107;

    private const string Prefix = "unix:";

    /// <summary>The socket that a text names, its path made absolute; null if the text does not begin with <c>unix:</c>.</summary>
    /// <param name="text">An address.</param>
    /// <exception cref="InvalidInputException">It names no path, or one that no socket can have.</exception>
    public static UnixDomainSocketEndPoint? FindSocket(string text)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var path = text[Prefix.Length..];
        // A path that begins with 0 would be a name that anybody on this machine may connect to.
        if (path.Length == 0 || path.Any(char.IsControl))
        {
            throw new InvalidInputException($"'{Prefix}' must be followed by the path of a socket, without control characters, for example {Prefix}/tmp/disttrain.sock.");
        }

        path = Path.GetFullPath(path);
        var length = Encoding.UTF8.GetByteCount(path);
        return length <= MaximumPathBytes
            ? new UnixDomainSocketEndPoint(path)
            : throw new InvalidInputException($"{Prefix}{path} is too long: the path has {length} bytes, and that of a socket at most {MaximumPathBytes}. Choose a shorter one, for example {Prefix}/tmp/disttrain.sock.");
    }

    /// <summary>An address as users write it.</summary>
    /// <param name="endPoint">Of any kind.</param>
    public static string Text(EndPoint endPoint) => endPoint switch
    {
        UnixDomainSocketEndPoint => $"{Prefix}{endPoint}",
        DnsEndPoint named => named.Host.Contains(':', StringComparison.Ordinal) ? $"[{named.Host}]:{named.Port}" : $"{named.Host}:{named.Port}",
        _ => endPoint.ToString()!,
    };

    /// <summary>The way of an HTTP client to a socket; null, which is the usual way, if there is none.</summary>
    /// <param name="endPoint">The socket; then host and port of the client's URI mean nothing.</param>
    public static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? ConnectCallback(UnixDomainSocketEndPoint? endPoint) =>
        endPoint is null ? null : async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(endPoint, cancellation).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressNotAvailable)
            {
                socket.Dispose();
                // Its own words are of addresses that cannot be assigned.
                throw new SocketException((int)e.SocketErrorCode, $"There is no socket {endPoint}");
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        };
}
