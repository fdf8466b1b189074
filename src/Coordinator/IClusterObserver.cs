using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>Told what happens to the workers of a run, one call at a time, on the thread that trains: be quick.</summary>
public interface IClusterObserver
{
    /// <summary>A worker is ready for leases.</summary>
    void WorkerJoined(WorkerInfo worker);

    /// <summary>A worker is gone without a goodbye: its connection closed, it fell silent, or it broke the protocol.</summary>
    void WorkerLost(WorkerInfo worker, string reason);

    /// <summary>A worker left in order. By default told as a loss.</summary>
    void WorkerLeft(WorkerInfo worker, string reason) => WorkerLost(worker, reason);

    /// <summary>Somebody wanted to join and may not.</summary>
    void WorkerRefused(string peer, string reason);

    /// <summary>Shards that another worker had, or still has, were leased again in the same round.</summary>
    void LeaseReissued(WorkerInfo to, Round round, ShardRange shards);

    /// <summary>A worker computed wrongly: it is sent away for a time, or for good if others have proved its bits wrong.</summary>
    void WorkerCondemned(WorkerInfo worker, string reason, bool isForGood)
    {
    }

    /// <summary>A worker takes so many times what the others take; told when another is named.</summary>
    void WorkerSlow(WorkerInfo worker, double ratio)
    {
    }

    /// <summary>Nothing can go on; <paramref name="message"/> says whom the run waits for. Repeated every few seconds.</summary>
    void Waiting(string message)
    {
    }
}
