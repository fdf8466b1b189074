using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Worker;

/// <summary>
/// What a worker computes next, and with which parameters, decided without thread or clock: newer parameters and the next lease wait in one place
/// each, where later ones replace them, so a worker that falls behind skips what nobody wants any more. Not thread-safe: its owner is.
/// </summary>
/// <param name="parameterCount">Elements of the model.</param>
internal sealed class LeaseQueue(int parameterCount) : IDisposable
{
    private readonly Stack<AlignedBuffer<float>> _spare = new();
    private Parameters? _inUse;
    private Parameters? _waiting;
    private Lease? _next;
    private long _computing;
    private bool _currentIsRevoked;

    /// <summary>Whether a lease waits to be begun.</summary>
    public bool HasNext => _next is not null;

    /// <summary>Whether no lease is taken any more.</summary>
    public bool IsStopping { get; private set; }

    /// <summary>The parameters to compute with; null before the first.</summary>
    public AlignedBuffer<float>? InUse => _inUse?.Buffer;

    /// <summary>Whether nobody wants the result of the lease being computed.</summary>
    public bool IsRevoked => _currentIsRevoked;

    /// <summary>How far the parameters to compute with have come; null if they were all there.</summary>
    public ArrivingParameters? Arrival => _inUse?.Arrival;

    /// <summary>A buffer to receive parameters into; to be given back with <see cref="Use"/>.</summary>
    public AlignedBuffer<float> RentBuffer() => _spare.TryPop(out var buffer) ? buffer : new AlignedBuffer<float>(parameterCount);

    /// <summary>New parameters: leases of their version may come now.</summary>
    /// <param name="version">Which they are.</param>
    /// <param name="buffer">Where they are, or come; the queue's from now on, but for who fills it.</param>
    /// <param name="arrival">How far they have come; null if they are there. Nobody writes into the buffer once they are lost.</param>
    public void Use(long version, AlignedBuffer<float> buffer, ArrivingParameters? arrival = null)
    {
        if (_waiting is { } replaced)
        {
            _spare.Push(replaced.Buffer);
        }

        _waiting = new Parameters(version, buffer, arrival);
    }

    /// <summary>Takes a lease; one that has not begun is replaced, since the coordinator has revoked it.</summary>
    /// <returns>False after <see cref="Stop"/>: the lease is to be returned.</returns>
    public bool Take(Lease lease)
    {
        if (IsStopping)
        {
            return false;
        }

        _next = lease;
        return true;
    }

    /// <summary>Drops leases up to this id, as <see cref="Revoke"/> does one.</summary>
    public void RevokeThrough(long leaseId)
    {
        if (_next?.Id <= leaseId)
        {
            _next = null;
        }

        _currentIsRevoked |= _computing <= leaseId;
    }

    /// <summary>Drops a lease that has not begun, and the result of the one being computed.</summary>
    public void Revoke(long leaseId)
    {
        if (_next?.Id == leaseId)
        {
            _next = null;
        }

        _currentIsRevoked |= _computing == leaseId;
    }

    /// <summary>Takes no more leases; the current one is finished.</summary>
    /// <returns>The lease that waits and is to be returned; null if none does.</returns>
    public Lease? Stop()
    {
        IsStopping = true;
        var unbegun = _next;
        _next = null;
        return unbegun;
    }

    /// <summary>The lease before is done; begins the one that waits.</summary>
    /// <returns>Null if none does.</returns>
    public Lease? Begin()
    {
        var lease = _next;
        _next = null;
        _computing = lease?.Id ?? 0;
        _currentIsRevoked = false;
        return lease;
    }

    /// <summary>Puts the newest parameters into use.</summary>
    /// <param name="version">What the lease needs.</param>
    /// <param name="areNew">Whether <see cref="InUse"/> is another than before.</param>
    /// <returns>False if they are of another version: the lease goes back (4.4).</returns>
    public bool TakeParameters(long version, out bool areNew)
    {
        if (_waiting is { Arrival.IsLost: true } lost)
        {
            _spare.Push(lost.Buffer);
            _waiting = null;
        }

        areNew = _waiting is not null;
        if (_waiting is { } newer)
        {
            if (_inUse is { } older)
            {
                _spare.Push(older.Buffer);
            }

            _inUse = newer;
            _waiting = null;
        }

        return _inUse?.Version == version && _inUse.Arrival is null or { IsLost: false };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _inUse?.Buffer.Dispose();
        _waiting?.Buffer.Dispose();
        (_inUse, _waiting) = (null, null);
        while (_spare.TryPop(out var buffer))
        {
            buffer.Dispose();
        }
    }

    private sealed record Parameters(long Version, AlignedBuffer<float> Buffer, ArrivingParameters? Arrival);
}
