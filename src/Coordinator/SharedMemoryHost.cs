using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>Gives workers on this host their part of the run's memory (8.2), or leaves them to gRPC.</summary>
/// <param name="segment">The run's; null if it shares none.</param>
/// <param name="spec">The run.</param>
/// <param name="log">Where logs go.</param>
internal sealed class SharedMemoryHost(RunSegment? segment, RunSpec spec, ILogger log)
{
    /// <summary>Partials that a worker may have with the coordinator besides one for each of its threads: one more than it usually computes, and the last slot, for what finds no other.</summary>
    private const int SpareSlots = 2;

    /// <summary>Shares memory with a worker that proves to have the run's.</summary>
    /// <param name="connection">The worker's, not a member yet.</param>
    /// <param name="nonce">What it has read there; empty if nothing.</param>
    public void Share(WorkerConnection connection, ReadOnlySpan<byte> nonce)
    {
        if (segment is null || !nonce.SequenceEqual(segment.Nonce))
        {
            return;
        }

        try
        {
            // Threads beyond the shards compute nothing, and all of the memory is set aside at once.
            var slots = Math.Min(Math.Min(connection.Info.Threads, spec.ShardCount) + SpareSlots, WorkerRegion.MaximumSlots);
            var region = segment.CreateRegion(connection.Info.Id, slots);
            connection.Shared = new SharedIntake(connection, region, spec);
            connection.Info = connection.Info with { SharesMemory = true };
            connection.Outbox.Send(new CoordinatorMessage { Region = connection.Shared.Invitation });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.NoSharedMemory(log, connection.Info.ToString(), e.Message);
        }
    }
}
