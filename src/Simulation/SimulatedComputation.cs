using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using DistTrain.Worker;

namespace DistTrain.Simulation;

/// <summary>Computes one lease after the other in virtual time, by the product's <see cref="LeaseQueue"/>; the counterpart of its compute thread.</summary>
/// <param name="world">Time, chance and laboratory.</param>
/// <param name="worker">Whose it is.</param>
/// <param name="welcome">To which coordinator.</param>
/// <param name="spec">The run.</param>
/// <param name="attachment">Sends the results.</param>
internal sealed class SimulatedComputation(World world, SimulatedWorker worker, Welcome welcome, RunSpec spec, SimulatedAttachment attachment)
    : IComputation, IDisposable
{
    private readonly LeaseQueue _queue = new(spec.Model.ParameterLayout().Length);
    private bool _isOver;

    /// <summary>Whether a lease is being computed.</summary>
    public bool IsComputing { get; private set; }

    private WorkerSlot Slot => worker.Slot;

    /// <inheritdoc/>
    public AlignedBuffer<float> RentBuffer() => _queue.RentBuffer();

    /// <inheritdoc/>
    public void Use(long version, AlignedBuffer<float> buffer, ArrivingParameters? arrival = null) => _queue.Use(version, buffer, arrival);

    /// <inheritdoc/>
    public void Revoke(long leaseId) => _queue.Revoke(leaseId);

    /// <inheritdoc/>
    public void Take(Lease lease)
    {
        if (Slot.LeasesToDieOf > 0)
        {
            Slot.LeasesToDieOf--;
            world.Struck(FaultKind.WorkerCrashLoop, Slot);
            worker.Die(withMachine: false);
        }
        else if (!_queue.Take(lease))
        {
            attachment.Return(lease.Id, ReturnReason.Stopping);
        }
        else if (!IsComputing)
        {
            BeginNext();
        }
    }

    /// <summary>Takes no more leases; one that has not begun goes back.</summary>
    public void Stop()
    {
        if (_queue.Stop() is { } unbegun)
        {
            attachment.Return(unbegun.Id, ReturnReason.Stopping);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        _queue.Dispose();
    }

    private void BeginNext()
    {
        while (_queue.Begin() is { } lease)
        {
            var fits = _queue.TakeParameters(lease.Round.Version, out _);
            if (fits || (world.Mutation == Mutation.StaleParameters && _queue.InUse is not null))
            {
                IsComputing = true;
                worker.After(world.Dice.Milliseconds(10, 50) * lease.Range.Count * Slot.SlowFactor, () => Complete(lease));
                return;
            }

            attachment.Return(lease.Id, ReturnReason.Parameters);
        }
    }

    private void Complete(Lease lease)
    {
        if (_isOver)
        {
            return;
        }

        IsComputing = false;
        if (!_queue.IsRevoked)
        {
            attachment.Deliver(world.Laboratory.Compute(spec, lease, _queue.InUse!, welcome.Incarnation, Slot));
        }

        if (worker.IsLeaving)
        {
            attachment.Leave();
        }
        else
        {
            BeginNext();
        }
    }
}
