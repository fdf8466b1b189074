using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Worker;

/// <summary>Who computes what the coordinator wants; see <see cref="LeaseQueue"/>.</summary>
internal interface IComputation
{
    /// <inheritdoc cref="LeaseQueue.RentBuffer"/>
    AlignedBuffer<float> RentBuffer();

    /// <inheritdoc cref="LeaseQueue.Use"/>
    void Use(long version, AlignedBuffer<float> buffer, ArrivingParameters? arrival = null);

    /// <summary>Takes a lease; one that has not begun is replaced, since the coordinator has revoked it. One that comes too late is returned.</summary>
    void Take(Lease lease);

    /// <inheritdoc cref="LeaseQueue.Revoke"/>
    void Revoke(long leaseId);
}
