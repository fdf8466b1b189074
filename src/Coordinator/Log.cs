using DistTrain.Core.Training;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>Everything the coordinator says. Ids are frozen once released.</summary>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "Listening on {EndPoint}; the run is {Model} on {Dataset}, {Steps} steps in {Shards} shards each")]
    public static partial void Listening(ILogger log, string endPoint, string model, string dataset, long steps, int shards);

    [LoggerMessage(101, LogLevel.Warning, "Listening on {EndPoint} without credentials (--insecure): whoever reaches it can join the run")]
    public static partial void Insecure(ILogger log, string endPoint);

    [LoggerMessage(104, LogLevel.Information, "Listening with TLS: workers need a certificate of authority {Authority}, kept in {Directory}")]
    public static partial void Secure(ILogger log, string authority, string directory);

    [LoggerMessage(105, LogLevel.Information, "A certificate for worker {Name}, from {Peer}, by token {Token}")]
    public static partial void Enrolled(ILogger log, string name, string peer, string token);

    [LoggerMessage(102, LogLevel.Warning, "{Who} exchanges tensors over gRPC, slower: no shared memory: {Reason}")]
    public static partial void NoSharedMemory(ILogger log, string who, string reason);

    [LoggerMessage(103, LogLevel.Warning, "The socket {Path} stays where it is: {Reason}")]
    public static partial void SocketStays(ILogger log, string path, string reason);

    [LoggerMessage(110, LogLevel.Information, "Joined: {Worker}, {Threads} threads of {VectorBits}-bit vectors, from {Peer}, over {Transport}")]
    public static partial void Joined(ILogger log, WorkerInfo worker, int threads, int vectorBits, string peer, string transport);

    [LoggerMessage(111, LogLevel.Warning, "Lost: {Worker}: {Reason}")]
    public static partial void Lost(ILogger log, WorkerInfo worker, string reason);

    [LoggerMessage(112, LogLevel.Information, "Left: {Worker}: {Reason}")]
    public static partial void Left(ILogger log, WorkerInfo worker, string reason);

    [LoggerMessage(113, LogLevel.Warning, "Gone before it was ready: {Worker}: {Reason}")]
    public static partial void NeverReady(ILogger log, WorkerInfo worker, string reason);

    [LoggerMessage(114, LogLevel.Warning, "Refused: {Peer}: {Reason}")]
    public static partial void Refused(ILogger log, string peer, string reason);

    [LoggerMessage(115, LogLevel.Warning, "No goodbye in time from {Worker}")]
    public static partial void NoGoodbye(ILogger log, WorkerInfo worker);

    [LoggerMessage(116, LogLevel.Warning, "{Workers} workers share {Shards} shards: the rest idles. More shards (--shards) would use them, and give other bits")]
    public static partial void MoreWorkersThanShards(ILogger log, int workers, int shards);

    [LoggerMessage(117, LogLevel.Error, "Computed wrongly: {Worker}: {Reason}")]
    public static partial void Condemned(ILogger log, WorkerInfo worker, string reason);

    [LoggerMessage(118, LogLevel.Information, "Slow: {Worker} takes {Ratio:0.0} times what the others take; it gets a smaller share")]
    public static partial void Slow(ILogger log, WorkerInfo worker, double ratio);

    [LoggerMessage(120, LogLevel.Information, "Leased again: shards {Shards} of {Kind} {Version} to {Worker}")]
    public static partial void Reissued(ILogger log, ShardRange shards, RoundKind kind, long version, WorkerInfo worker);

    [LoggerMessage(121, LogLevel.Debug, "Not counted: shards {Node} of {Kind} {Version} from {Worker}: {Verdict}")]
    public static partial void NotCounted(ILogger log, ShardRange node, RoundKind kind, long version, WorkerInfo worker, PartialVerdict verdict);

    [LoggerMessage(122, LogLevel.Warning, "Lease {LeaseId} came back from {Worker}: {Reason}")]
    public static partial void LeaseReturned(ILogger log, long leaseId, WorkerInfo worker, string reason);

    [LoggerMessage(123, LogLevel.Warning, "Not finite: shards {Node} of {Kind} {Version} from {Worker}; computed again")]
    public static partial void NotFinite(ILogger log, ShardRange node, RoundKind kind, long version, WorkerInfo worker);

    [LoggerMessage(132, LogLevel.Information, "Asked to {Verb}")]
    public static partial void Control(ILogger log, ControlVerb verb);

    [LoggerMessage(133, LogLevel.Information, "Asked to have {Workers} workers of the run's own")]
    public static partial void Scaled(ILogger log, uint workers);

    [LoggerMessage(135, LogLevel.Information, "Step {Step} is not done {Seconds:0} s after the wish to stop: the run ends without it")]
    public static partial void StopUrged(ILogger log, long step, double seconds);

    [LoggerMessage(134, LogLevel.Warning, "Refused to {Peer}, which is not this machine: {Method}")]
    public static partial void ControlRefused(ILogger log, string peer, string method);

    [LoggerMessage(130, LogLevel.Warning, "{Message}")]
    public static partial void Waiting(ILogger log, string message);

    [LoggerMessage(131, LogLevel.Warning, "This process itself was held up for {Seconds:0.0} s; nobody is declared dead for that")]
    public static partial void Lagging(ILogger log, double seconds);
}
