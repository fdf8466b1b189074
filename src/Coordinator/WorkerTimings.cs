using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>
/// Where one worker's time goes, and how fast it is: told what happens to its leases, purely. Only training rounds belong here, since an
/// evaluation's shards cost something else. Times are of a fine clock, in seconds since any moment; not of <see cref="RunningClock"/>, which moves by ticks.
/// </summary>
/// <param name="now">When the worker joined.</param>
internal sealed class WorkerTimings(TimeSpan now)
{
    /// <summary>The weight of the last round in what is shown.</summary>
    private const double Smoothing = 0.1;

    /// <summary>A worker that has had nothing to do for so long is unknown again, so that one which has recovered is tried.</summary>
    private const int ForgetAfterRounds = 500;

    private readonly RecentMedian _perShard = new();
    private readonly RecentMedian _perNode = new();
    private readonly RecentMedian _toFirstNode = new();
    private readonly RecentMedian _own = new();
    private OpenLease? _open;
    private TimeSpan _roundBegan = now;
    private double _compute;
    private double _network;
    private bool _hadLease;
    private int _rounds;
    private int _roundsWithoutLease;

    /// <summary>Seconds per round in which the worker computes, smoothed.</summary>
    public double ComputeSeconds { get; private set; }

    /// <summary>Seconds per round in which parameters, leases and partials are on their way or wait to be written and read, smoothed.</summary>
    public double NetworkSeconds { get; private set; }

    /// <summary>Seconds per round in which the worker has nothing to do: it waits for others, or for the coordinator. Smoothed.</summary>
    public double WaitSeconds { get; private set; }

    /// <summary>What a lease costs on it; NaN is unknown.</summary>
    public WorkerSpeed Speed
    {
        get
        {
            var perNode = _perNode.Value;
            return new WorkerSpeed(_perShard.Value, perNode, Math.Max(0, _toFirstNode.Value - (double.IsNaN(perNode) ? 0 : perNode)));
        }
    }

    /// <summary>For <see cref="SlowestRules"/>.</summary>
    public WorkerPace PaceOf(int worker) => new(worker, _own.Value, _perShard.Value, _own.Count);

    /// <summary>A lease was granted.</summary>
    /// <param name="now">The time.</param>
    /// <param name="leaseId">Its id.</param>
    /// <param name="shards">Its shards.</param>
    /// <param name="nodes">Its tree nodes: <see cref="ReductionTree.CoverCount"/>.</param>
    public void LeaseGranted(TimeSpan now, long leaseId, int shards, int nodes)
    {
        LeaseRevoked(now);
        _open = new OpenLease(leaseId, now, shards, nodes);
        _hadLease = true;
    }

    /// <summary>A partial came whole; whether it counts does not matter.</summary>
    /// <param name="now">The time.</param>
    /// <param name="leaseId">The lease that it names; any but the last granted is passed over.</param>
    /// <param name="computeTime">What the worker says it has computed on the lease; 0 if it does not say.</param>
    public void PartialArrived(TimeSpan now, long leaseId, TimeSpan computeTime)
    {
        if (_open is not { } lease || lease.Id != leaseId)
        {
            return;
        }

        lease.Arrived++;
        if (lease.Arrived == 1)
        {
            lease.First = now;
            // A worker that is wrong about its own time is believed no more than fits.
            var untilNow = now - lease.Granted;
            lease.Compute = computeTime > TimeSpan.Zero && computeTime < untilNow ? computeTime : untilNow;
        }

        if (lease.Arrived == lease.Nodes)
        {
            Complete(lease, now);
        }
    }

    /// <summary>The lease came to nothing through no slowness: it was given back, or damaged on the way. It is not counted.</summary>
    public void LeaseReturned() => _open = null;

    /// <summary>Others have delivered what the worker has not: all that is known is that it takes longer than it has taken.</summary>
    public void LeaseRevoked(TimeSpan now)
    {
        if (_open is not { } lease)
        {
            return;
        }

        _open = null;
        var seconds = (now - lease.Granted).TotalSeconds;
        var computing = Speed.FixedSeconds is var network and > 0 ? Math.Max(seconds - network, 0) : seconds;
        _compute += computing;
        _network += seconds - computing;
        // What was no longer than usual says nothing.
        if (!(computing / lease.Shards <= _perShard.Value))
        {
            _perShard.Add(computing / lease.Shards);
        }
    }

    /// <summary>A training round is over, whoever took part.</summary>
    public void RoundEnded(TimeSpan now)
    {
        LeaseRevoked(now);
        var wait = Math.Max(0, (now - _roundBegan).TotalSeconds - _compute - _network);
        var weight = _rounds++ == 0 ? 1 : Smoothing;
        ComputeSeconds += weight * (_compute - ComputeSeconds);
        NetworkSeconds += weight * (_network - NetworkSeconds);
        WaitSeconds += weight * (wait - WaitSeconds);
        if (_compute + _network > 0)
        {
            _own.Add(_compute + _network);
        }

        _roundsWithoutLease = _hadLease ? 0 : _roundsWithoutLease + 1;
        if (_roundsWithoutLease == ForgetAfterRounds)
        {
            foreach (var median in (RecentMedian[])[_perShard, _perNode, _toFirstNode, _own])
            {
                median.Clear();
            }
        }

        RoundBegan(now);
    }

    /// <summary>A training round begins later than the one before ended: after an evaluation, a pause, or alone. Else <see cref="RoundEnded"/> says enough.</summary>
    public void RoundBegan(TimeSpan now)
    {
        _roundBegan = now;
        _open = null;
        (_compute, _network, _hadLease) = (0, 0, false);
    }

    private void Complete(OpenLease lease, TimeSpan now)
    {
        _open = null;
        var compute = lease.Compute.TotalSeconds;
        _compute += compute;
        _network += (now - lease.Granted).TotalSeconds - compute;
        _perShard.Add(compute / lease.Shards);
        _toFirstNode.Add((lease.First - lease.Granted).TotalSeconds - compute);
        if (lease.Nodes > 1)
        {
            _perNode.Add((now - lease.First).TotalSeconds / (lease.Nodes - 1));
        }
    }

    private sealed class OpenLease(long id, TimeSpan granted, int shards, int nodes)
    {
        public long Id { get; } = id;

        public TimeSpan Granted { get; } = granted;

        public int Shards { get; } = shards;

        public int Nodes { get; } = nodes;

        public int Arrived { get; set; }

        public TimeSpan First { get; set; }

        public TimeSpan Compute { get; set; }
    }
}
