using System.Reflection;

namespace DistTrain.Transport;

/// <summary>What both ends must agree on before a word is said.</summary>
public static class Protocol
{
    /// <summary>Raised whenever a message changes its meaning; both ends must have the same.</summary>
    public const uint Version = 3;

    /// <summary>
    /// Bytes of a chunk as sent. Far below gRPC's default limit of 4 MB, and below the 85,000 bytes from which .NET puts an array on the large
    /// object heap, whose collection would stop every step.
    /// </summary>
    public const int ChunkBytes = 64 * 1024;

    /// <summary>Bytes of a chunk that is still accepted.</summary>
    public const int MaximumChunkBytes = 256 * 1024;

    /// <summary>Bytes of a message that is still read: a chunk and its frame, or a RunSpec with a very deep model.</summary>
    public const int MaximumMessageBytes = 1024 * 1024;

    /// <summary>HTTP/2 windows of a stream and a connection: several steps' tensors of a small model, so that a sender seldom waits for a window update.</summary>
    public const int WindowBytes = 8 * 1024 * 1024;

    /// <summary>The port that coordinators listen on unless told otherwise.</summary>
    public const int DefaultPort = 29500;

    /// <summary>This program's version, with the commit it was built from.</summary>
    public static string BuildVersion { get; } =
        typeof(Protocol).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
