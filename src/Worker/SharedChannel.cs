using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker;

/// <summary>
/// The worker's end of the memory it shares with a coordinator on its host (8): parameters are read and partials computed where the coordinator has
/// them. For the compute thread, but for <see cref="Close"/>.
/// </summary>
internal sealed unsafe class SharedChannel : IDisposable
{
    private readonly RunSegment _segment;
    private readonly WorkerRegion _region;
    private readonly Partial[] _slots;
    private readonly List<int> _delivered = [];
    private volatile bool _isClosed;

    /// <summary>Opens the region that the coordinator has made.</summary>
    /// <param name="segment">The run's, already opened; disposed of with this object.</param>
    /// <param name="invitation">Where the region is.</param>
    /// <param name="welcome">Who this worker is.</param>
    /// <param name="parameterCount">Elements of the model.</param>
    /// <exception cref="IOException">It cannot be opened; the segment stays the caller's.</exception>
    /// <exception cref="UnauthorizedAccessException">It is another user's; the segment stays the caller's.</exception>
    public SharedChannel(RunSegment segment, SharedRegion invitation, Welcome welcome, int parameterCount)
    {
        _segment = segment;
        _region = WorkerRegion.Open(invitation.Path, welcome.Incarnation, (int)welcome.WorkerId, parameterCount, (int)Math.Min(invitation.Slots, int.MaxValue));
        _slots = [.. Enumerable.Range(0, _region.SlotCount).Select(slot => new Partial(_region.Gradient(slot, Nobody.Instance), release: null))];
    }

    /// <summary>Rung when there is a lease, a slot is free again, or by <see cref="Close"/>.</summary>
    public Doorbell Bell => _region.Bell;

    /// <summary>The parameters of the newest lease's version.</summary>
    public float* Parameters => _segment.Parameters;

    /// <summary>Leases up to this id are revoked.</summary>
    public long RevokedThrough => _region.RevokedThrough;

    /// <summary>The last slot: what was computed elsewhere is copied there, and it is free again as soon as the coordinator has looked.</summary>
    private int LastSlot => _slots.Length - 1;

    /// <summary>Puts the slots where partials are taken from, before the first is.</summary>
    public void GiveSlots(PartialPool pool)
    {
        foreach (var partial in _slots.AsSpan(0, LastSlot))
        {
            pool.Return(partial);
        }
    }

    /// <summary>Slots that the coordinator has given back may be used again.</summary>
    public void Reclaim(PartialPool pool)
    {
        for (var i = _delivered.Count - 1; i >= 0; i--)
        {
            if (!_region.IsDelivered(_delivered[i]))
            {
                pool.Return(_slots[_delivered[i]]);
                _delivered.RemoveAt(i);
            }
        }
    }

    /// <summary>The newest lease, once.</summary>
    public LeaseGranted? TakeLease() => _region.TakeLease();

    /// <summary>(4.1) Hands a partial over.</summary>
    /// <param name="header">Announces it.</param>
    /// <param name="end">What is said of it when it is computed.</param>
    /// <param name="partial">It; belongs to this object now.</param>
    /// <param name="pool">Where it came from.</param>
    public void Deliver(PartialHeader header, PartialEnd end, Partial partial, PartialPool pool)
    {
        var slot = Array.IndexOf(_slots, partial);
        if (slot >= 0)
        {
            Post(header, end, slot);
            _delivered.Add(slot);
            return;
        }

        slot = -1;
        if (header.LengthBytes > 0)
        {
            if (!AwaitLastSlot())
            {
                pool.Return(partial);
                return;
            }

            slot = LastSlot;
            partial.Gradient.Span.CopyTo(_slots[slot].Gradient.Span);
        }

        pool.Return(partial);
        Post(header, end, slot);
    }

    /// <summary>The attachment is over: nothing is waited for any more. Any thread.</summary>
    public void Close()
    {
        _isClosed = true;
        Bell.Ring();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _region.Dispose();
        _segment.Dispose();
    }

    /// <exception cref="InvalidOperationException">The coordinator has left more messages than a worker's leases can give.</exception>
    private void Post(PartialHeader header, PartialEnd end, int slot)
    {
        if (!_region.TryPost(new WorkerMessage { Partial = header }, slot: -1) || !_region.TryPost(new WorkerMessage { PartialEnd = end }, slot))
        {
            throw new InvalidOperationException("The coordinator does not take what it is told in shared memory.");
        }

        _segment.Bell.Ring();
    }

    private bool AwaitLastSlot()
    {
        while (true)
        {
            var seen = Bell.Value;
            // Whoever leaves delivers what it can before its goodbye: only waiting is over.
            if (!_region.IsDelivered(LastSlot))
            {
                return true;
            }

            if (_isClosed)
            {
                return false;
            }

            Bell.Await(seen);
        }
    }

    private sealed class Nobody : IDisposable
    {
        public static Nobody Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
