using DistTrain.Core.Training;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>How a worker went.</summary>
internal enum Loss
{
    /// <summary>It said goodbye.</summary>
    Left,

    /// <summary>Its connection closed, it fell silent, or it broke the protocol.</summary>
    Crashed,
}

/// <summary>Who is attached and who of them is a member of the run; says in the log and to the observer what becomes of each.</summary>
/// <param name="setup">The run.</param>
/// <param name="stragglers">Measures the members.</param>
/// <param name="quarantine">Keeps away who may not come back.</param>
internal sealed class Roster(ConductorSetup setup, Stragglers stragglers, Quarantine quarantine)
{
    private readonly ILogger _log = setup.Log;
    private readonly IClusterObserver? _observer = setup.ClusterObserver;
    private readonly Dictionary<int, WorkerConnection> _connections = [];
    private WorkerConnection[] _sharing = [];
    private int? _slowest;

    /// <summary>Everybody attached, by id.</summary>
    public IReadOnlyDictionary<int, WorkerConnection> Connections => _connections;

    /// <summary>Those that share memory with this coordinator, at this moment.</summary>
    public ReadOnlySpan<WorkerConnection> Sharing => _sharing;

    /// <summary>A worker was welcomed.</summary>
    public void Attach(WorkerConnection connection, TimeSpan now)
    {
        connection.Deadlines = new WorkerDeadlines(setup.Options, now);
        _connections.Add(connection.Info.Id, connection);
    }

    /// <summary>A worker is ready for leases.</summary>
    public void Join(WorkerConnection connection)
    {
        connection.IsMember = true;
        _sharing = connection.Shared is null ? _sharing : [.. _sharing, connection];
        stragglers.Joined(connection.Info.Id);
        Log.Joined(_log, connection.Info, connection.Info.Threads, connection.Info.VectorBits, connection.Info.Peer, connection.Info.Transport);
        _observer?.WorkerJoined(connection.Info);
        var members = _connections.Values.Count(other => other.IsMember);
        if (members == setup.Spec.ShardCount + 1)
        {
            Log.MoreWorkersThanShards(_log, members, setup.Spec.ShardCount);
        }
    }

    /// <summary>Ends a connection, once.</summary>
    /// <returns>Whether it was a member until now.</returns>
    public bool Remove(WorkerConnection connection, string reason, Loss loss)
    {
        if (!_connections.Remove(connection.Info.Id))
        {
            return false;
        }

        connection.Abort();
        StopSharing(connection);
        if (!connection.IsMember)
        {
            Log.NeverReady(_log, connection.Info, reason);
            return false;
        }

        connection.IsMember = false;
        stragglers.Lost(connection.Info.Id);
        if (loss == Loss.Left)
        {
            Log.Left(_log, connection.Info, reason);
            _observer?.WorkerLeft(connection.Info, reason);
            return true;
        }

        if (connection.Lease is not null && !connection.HasDelivered && quarantine.Crashed(connection.Info.Name) is { Ticks: > 0 } wait && wait != TimeSpan.MaxValue)
        {
            reason = $"{reason}; it has delivered nothing since it came, as before, and must stay away for {wait.TotalSeconds:0} s";
        }

        Log.Lost(_log, connection.Info, reason);
        _observer?.WorkerLost(connection.Info, reason);
        return true;
    }

    /// <summary>The run is over: nobody shares memory any more.</summary>
    public void StopSharing()
    {
        foreach (var connection in _sharing)
        {
            StopSharing(connection);
        }
    }

    private void StopSharing(WorkerConnection connection)
    {
        if (connection.Shared is { } shared)
        {
            connection.Shared = null;
            _sharing = [.. _sharing.Where(other => other != connection)];
            shared.Dispose();
        }
    }

    /// <summary>Somebody may not join.</summary>
    public void Refuse(string peer, string reason)
    {
        Log.Refused(_log, peer, reason);
        _observer?.WorkerRefused(peer, reason);
    }

    /// <summary>A worker delivered something usable.</summary>
    public void Delivered(WorkerConnection connection)
    {
        connection.ReturnsInRow = 0;
        if (!connection.HasDelivered)
        {
            connection.HasDelivered = true;
            quarantine.Delivered(connection.Info.Name);
        }
    }

    /// <summary>A worker computed wrongly, and may not come back for a time, or for good. Its connection is still to be removed.</summary>
    public void Condemn(WorkerConnection connection, string reason, bool isForGood)
    {
        if (isForGood)
        {
            // It could have another certificate from the token by which it had this one: its address goes with it.
            quarantine.Lied(connection.Info.Name, connection.Info.Identity, connection.Info.Address, reason);
        }
        else
        {
            quarantine.NotFinite(connection.Info.Name, reason);
        }

        Log.Condemned(_log, connection.Info, reason);
        _observer?.WorkerCondemned(connection.Info, reason, isForGood);
    }

    /// <summary>Shards that somebody had, or has, were leased again.</summary>
    public void Reissued(in Lease lease)
    {
        var info = _connections[lease.Worker].Info;
        Log.Reissued(_log, lease.Range, lease.Round.Kind, lease.Round.Version, info);
        _observer?.LeaseReissued(info, lease.Round, lease.Range);
    }

    /// <summary>Names the slow one, when it is another than before.</summary>
    public void NameSlowest()
    {
        if (stragglers.Slowest?.Worker == _slowest)
        {
            return;
        }

        _slowest = stragglers.Slowest?.Worker;
        if (stragglers.Slowest is { } slow && _connections.TryGetValue(slow.Worker, out var connection))
        {
            Log.Slow(_log, connection.Info, slow.Ratio);
            _observer?.WorkerSlow(connection.Info, slow.Ratio);
        }
    }
}
