using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker;

/// <summary>(3.2) What a granted lease means.</summary>
internal static class Leases
{
    /// <summary>The lease; null if the run has no such shards.</summary>
    public static Lease? Of(LeaseGranted lease, RunSpec spec, int workerId) =>
        Rounds.FromWire(lease.Kind, lease.Version, spec) is { } round
        && lease.ShardCount == (uint)round.ShardCount
        && Rounds.Range(lease.FirstShard, lease.EndShard, round.ShardCount) is { } range
            ? new Lease((long)lease.LeaseId, workerId, round, range)
            : null;

    /// <summary>What is wrong with one that is none.</summary>
    public static string Describe(LeaseGranted lease) =>
        $"lease {lease.LeaseId} is of shards [{lease.FirstShard}, {lease.EndShard}) of {lease.ShardCount} of {lease.Kind} {lease.Version}, which the run does not have";
}
