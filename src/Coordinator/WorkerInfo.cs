using System.Net;
using DistTrain.Transport.Identity;

namespace DistTrain.Coordinator;

/// <summary>A worker, as it introduced itself.</summary>
/// <param name="Id">Unique in this coordinator's life, from 1.</param>
/// <param name="Host">Its host's name.</param>
/// <param name="ProcessId">Its process id there.</param>
/// <param name="Threads">Threads it computes with.</param>
/// <param name="VectorBits">Width of its vectors; 0 without.</param>
/// <param name="BuildVersion">Its program's version.</param>
/// <param name="Peer">The address it came from.</param>
/// <param name="Name">The name that it keeps when it comes again; not trusted for anything but to keep it away.</param>
public sealed record WorkerInfo(int Id, string Host, int ProcessId, int Threads, int VectorBits, string BuildVersion, string Peer, string Name)
{
    /// <summary>Who it has proved to be; null where nobody has to.</summary>
    public PeerIdentity? Identity { get; init; }

    /// <summary>The address it came from; null if it has none.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>Whether it shares memory with the coordinator; else tensors travel over gRPC.</summary>
    public bool SharesMemory { get; init; }

    /// <summary>How tensors travel, as logs say it.</summary>
    public string Transport => SharesMemory ? "shared memory" : "gRPC";

    /// <summary>As logs name it.</summary>
    public override string ToString() => $"worker {Id} ({Host}, pid {ProcessId})";
}
