using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>How fast each worker is, measured: for the ranges of later rounds, and for people to see who holds up the others.</summary>
/// <param name="time">A fine clock.</param>
internal sealed class Stragglers(TimeProvider time)
{
    /// <summary>How many steps between two looks: what is measured is smoothed, and ranges that move at every step cost more than they gain.</summary>
    private const int StepsBetweenLooks = 25;

    /// <summary>A neighbour's moment on a busy machine makes nobody slow: who is named, or no longer is, has been so for this long.</summary>
    private static readonly TimeSpan Persistence = TimeSpan.FromSeconds(2);

    private readonly long _start = time.GetTimestamp();
    private readonly Dictionary<int, WorkerTimings> _timings = [];
    private int _steps;
    private SlowWorker? _found;
    private TimeSpan _foundSince;

    /// <summary>The worker that the others wait for; null if none is much slower.</summary>
    public SlowWorker? Slowest { get; private set; }

    /// <summary>What is measured of a worker; null if it is no member.</summary>
    public WorkerTimings? Of(int worker) => _timings.GetValueOrDefault(worker);

    /// <summary>A worker became a member.</summary>
    public void Joined(int worker) => _timings[worker] = new WorkerTimings(Now());

    /// <summary>A worker is no member any more.</summary>
    public void Lost(int worker) => _timings.Remove(worker);

    /// <summary>A lease was granted.</summary>
    public void Granted(in Lease lease)
    {
        if (lease.Round.Kind == RoundKind.Training)
        {
            Of(lease.Worker)?.LeaseGranted(Now(), lease.Id, lease.Range.Count, ReductionTree.CoverCount(lease.Round.ShardCount, lease.Range));
        }
    }

    /// <summary>A partial came.</summary>
    public void Arrived(int worker, long leaseId, TimeSpan computeTime) => Of(worker)?.PartialArrived(Now(), leaseId, computeTime);

    /// <summary>A lease came back undone.</summary>
    public void Returned(int worker) => Of(worker)?.LeaseReturned();

    /// <summary>A lease was revoked: others have delivered.</summary>
    public void Revoked(int worker) => Of(worker)?.LeaseRevoked(Now());

    /// <summary>A step is done.</summary>
    /// <returns>Whether it is time to look at the speeds.</returns>
    public bool StepEnded()
    {
        var now = Now();
        foreach (var timings in _timings.Values)
        {
            timings.RoundEnded(now);
        }

        if (++_steps % StepsBetweenLooks != 0)
        {
            return false;
        }

        var found = SlowestRules.Find(_timings.Select(pair => pair.Value.PaceOf(pair.Key)), _found?.Worker);
        if (found?.Worker != _found?.Worker)
        {
            _foundSince = now;
        }

        _found = found;
        if (now - _foundSince >= Persistence)
        {
            Slowest = found;
        }

        return true;
    }

    /// <summary>Something else than a step is over: an evaluation, a pause.</summary>
    public void PauseEnded()
    {
        var now = Now();
        foreach (var timings in _timings.Values)
        {
            timings.RoundBegan(now);
        }
    }

    /// <summary>What is known of everybody's speed.</summary>
    public IEnumerable<SessionEvent> Speeds() => _timings.Select(pair => SessionEvent.SpeedMeasured(pair.Key, pair.Value.Speed));

    private TimeSpan Now() => time.GetElapsedTime(_start);
}
