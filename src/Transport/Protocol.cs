using System.Reflection;

namespace DistTrain.Transport;

/// <summary>What both ends must agree on before a word is said.</summary>
public static class Protocol
{
    /// <summary>Raised whenever a message changes its meaning; both ends must have the same.</summary>
    public const uint Version = 3;

    /// <summary>
    /// Bytes of a chunk as sent: with its frame just what fits into 32 KiB, one of the sizes that buffers are kept in. Far below gRPC's default limit of
    /// 4 MB, and small enough to stay in the processor's cache from one copy to the next.
    /// </summary>
    public const int ChunkBytes = (32 * 1024) - 64;

    /// <summary>Bytes of a chunk that is still accepted.</summary>
    public const int MaximumChunkBytes = 256 * 1024;

    /// <summary>Bytes of a message that is still read: a chunk and its frame, or a RunSpec with a very deep model.</summary>
    public const int MaximumMessageBytes = 1024 * 1024;

    /// <summary>
    /// HTTP/2 windows of a stream and a connection, both ways: what may be on its way unread. 1 GB/s at a round trip of 1 ms, and no more than the pools of
    /// buffers at both ends hold.
    /// </summary>
    public const int WindowBytes = 1024 * 1024;

    /// <summary>The port that coordinators listen on unless told otherwise.</summary>
    public const int DefaultPort = 29500;

    /// <summary>This program's version, with the commit it was built from.</summary>
    public static string BuildVersion { get; } =
        typeof(Protocol).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
