using System.Collections.Concurrent;

namespace DistTrain.Core.Training;

/// <summary>Where other threads put events for a run in this process: a wish to stop or save, the end of a save.</summary>
public sealed class SessionInbox : IDisposable
{
    private readonly ConcurrentQueue<SessionEvent> _events = new();
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _arrivals = new(0);
    private bool _isDisposed;

    /// <summary>Puts an event in; any thread. Ignored after the run has ended: nobody is there to be told.</summary>
    public void Post(in SessionEvent occurred)
    {
        lock (_gate)
        {
            if (!_isDisposed)
            {
                _events.Enqueue(occurred);
                _arrivals.Release();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _arrivals.Dispose();
        }
    }

    /// <summary>Takes one out, if there is one; costs next to nothing if there is none.</summary>
    internal bool TryTake(out SessionEvent occurred)
    {
        occurred = default;
        return !_events.IsEmpty && _arrivals.Wait(0) && _events.TryDequeue(out occurred);
    }

    /// <summary>Waits for one.</summary>
    internal SessionEvent Take(CancellationToken cancellation)
    {
        _arrivals.Wait(cancellation);
        return _events.TryDequeue(out var occurred) ? occurred : throw new InvalidOperationException("Only one thread takes from an inbox.");
    }
}
