using System.Collections.Concurrent;
using System.Net;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>Who is attached: judges hellos (1.2), welcomes (1.3) and knows whose heart beats (5.2). For any thread.</summary>
/// <param name="spec">The run.</param>
/// <param name="options">Durations and limits.</param>
/// <param name="incarnation">Which coordinator this is.</param>
/// <param name="knownAnswer">What every worker must compute.</param>
/// <param name="quarantine">Who may not come back.</param>
/// <param name="sharedMemoryPath">Where workers on this host find the run's memory; empty if it has none to share.</param>
internal sealed class Reception(
    RunSpec spec, CoordinatorOptions options, ulong incarnation, byte[] knownAnswer, Quarantine quarantine, string sharedMemoryPath = "")
{
    private readonly string _specJson = SpecJson.Write(spec, indented: false);
    private readonly ConcurrentDictionary<int, WorkerConnection> _attached = new();
    private int _lastWorker;

    /// <summary>(1.2) Why this worker may not join; null if it may.</summary>
    public Refused? Judge(WorkerMessage first, bool hasEnded, PeerIdentity? identity = null) =>
        HelloRules.Judge(first, spec, knownAnswer, hasEnded, _attached.Count >= options.MaximumWorkers, quarantine, identity);

    /// <summary>(1.3) Takes a worker in; its welcome waits in its outbox.</summary>
    public WorkerConnection Admit(Hello hello, string peer, PeerIdentity? identity = null, IPAddress? address = null)
    {
        var info = new WorkerInfo(
            Interlocked.Increment(ref _lastWorker), hello.Host, (int)hello.ProcessId, (int)hello.Threads, (int)hello.VectorBits, hello.BuildVersion, peer, HelloRules.NameOf(hello))
        {
            Identity = identity,
            Address = address,
        };
        var connection = new WorkerConnection(info);
        var welcome = new Welcome
        {
            WorkerId = (uint)info.Id,
            Incarnation = incarnation,
            RunSpecJson = _specJson,
            HeartbeatIntervalMilliseconds = (uint)options.HeartbeatInterval.TotalMilliseconds,
            DeadTimeMilliseconds = (uint)options.DeadTime.TotalMilliseconds,
            SharedMemoryPath = hello.SharesMemory ? sharedMemoryPath : "",
        };
        welcome.Checksum = Checksum.Of(welcome);
        connection.Outbox.Send(new CoordinatorMessage { Welcome = welcome });
        _attached[info.Id] = connection;
        return connection;
    }

    /// <summary>A worker's call has ended.</summary>
    public void Release(WorkerConnection connection) => _attached.TryRemove(connection.Info.Id, out _);

    /// <summary>(5.2)</summary>
    public HeartbeatReply Heartbeat(HeartbeatRequest request)
    {
        WorkerConnection? connection = null;
        var known = request.Incarnation == incarnation
            && request.WorkerId <= int.MaxValue
            && _attached.TryGetValue((int)request.WorkerId, out connection);
        connection?.Heard();
        return new HeartbeatReply { Known = known };
    }
}
