using DistTrain.Core.Training;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>
/// One worker's attachment. The gRPC call that serves it reads and pumps; the run loop decides. Fields in the second half belong to the run
/// loop alone; <see cref="Lease"/> is written by it and read by both.
/// </summary>
internal sealed class WorkerConnection(WorkerInfo info) : IDisposable
{
    private readonly CancellationTokenSource _abort = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LeaseBox? _lease;
    private int _heard = 1;
    private int _isDisposed;

    /// <summary>Who it is; changed by the run loop only, before the worker is a member.</summary>
    public WorkerInfo Info { get; set; } = info;

    /// <summary>What waits to be sent.</summary>
    public Outbox Outbox { get; } = new();

    /// <summary>Cancelled when the run loop gives the connection up.</summary>
    public CancellationToken Aborted => _abort.Token;

    /// <summary>Completes when the call that serves the connection has ended.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The lease granted last; null before the first.</summary>
    public Lease? Lease
    {
        get => Volatile.Read(ref _lease)?.Lease;
        set => Volatile.Write(ref _lease, value is { } lease ? new LeaseBox(lease) : null);
    }

    /// <summary>Run loop: whether the worker is ready, that is a member of the session.</summary>
    public bool IsMember { get; set; }

    /// <summary>Run loop: what time does to it; null before the loop knows it.</summary>
    public WorkerDeadlines? Deadlines { get; set; }

    /// <summary>Run loop: the memory that it shares with this coordinator; null where tensors travel over gRPC.</summary>
    public SharedIntake? Shared { get; set; }

    /// <summary>Run loop: leases given back, or delivered unusable, one after the other.</summary>
    public int ReturnsInRow { get; set; }

    /// <summary>Run loop: whether it has delivered a usable partial.</summary>
    public bool HasDelivered { get; set; }

    /// <summary>Run loop: (3.2)</summary>
    public void Grant(LeaseGranted lease)
    {
        if (Shared is { } shared)
        {
            shared.Grant(lease);
        }
        else
        {
            Outbox.SendLease(new CoordinatorMessage { Lease = lease });
        }
    }

    /// <summary>Run loop: (3.3)</summary>
    public void Revoke(long leaseId)
    {
        if (Shared is { } shared)
        {
            shared.Revoke(leaseId);
        }
        else
        {
            Outbox.Send(new CoordinatorMessage { Revoked = new LeaseRevoked { LeaseId = (ulong)leaseId } });
        }
    }

    /// <summary>Run loop: (4.3). Through shared memory there are no answers: they decide nothing.</summary>
    public void Answer(PartialAnswer answer)
    {
        if (Shared is null)
        {
            Outbox.Send(new CoordinatorMessage { Answer = answer });
        }
    }

    /// <summary>Notes a sign of life; any thread.</summary>
    public void Heard() => Volatile.Write(ref _heard, 1);

    /// <summary>True if there was a sign of life since the last call.</summary>
    public bool TakeHeard() => Interlocked.Exchange(ref _heard, 0) == 1;

    /// <summary>Ends the connection from this side.</summary>
    public void Abort()
    {
        if (Volatile.Read(ref _isDisposed) == 0)
        {
            try
            {
                _abort.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The call ended by itself in this moment.
            }
        }
    }

    /// <summary>The call that serves the connection has ended.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _ended.TrySetResult();
            _abort.Dispose();
        }
    }

    private sealed record LeaseBox(Lease Lease);
}
