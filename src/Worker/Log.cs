using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>Everything a worker says. Ids are frozen once released.</summary>
internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information, "Looking for the coordinator at {Address}, with {Threads} threads of {VectorBits}-bit vectors, pid {ProcessId}")]
    public static partial void Looking(ILogger log, string address, int threads, int vectorBits, int processId);

    [LoggerMessage(201, LogLevel.Information, "Attached as worker {WorkerId}; the run is {Model} on {Dataset}")]
    public static partial void Welcome(ILogger log, uint workerId, string model, string dataset);

    [LoggerMessage(205, LogLevel.Information, "No memory is shared with the coordinator: {Reason}")]
    public static partial void NoSharedMemory(ILogger log, string reason);

    [LoggerMessage(202, LogLevel.Warning, "Not attached to {Address}: {Reason}; trying again for {Seconds:0} s")]
    public static partial void Retrying(ILogger log, string address, string reason, double seconds);

    [LoggerMessage(203, LogLevel.Information, "Done: {Reason}")]
    public static partial void Done(ILogger log, string reason);

    [LoggerMessage(204, LogLevel.Error, "Giving up: {Reason}")]
    public static partial void GivingUp(ILogger log, string reason);

    [LoggerMessage(205, LogLevel.Information, "A certificate for this worker, {Name}, good until {Until:u}")]
    public static partial void Enrolled(ILogger log, string name, DateTimeOffset until);

    [LoggerMessage(206, LogLevel.Information, "This worker's certificate was renewed, good until {Until:u}")]
    public static partial void Renewed(ILogger log, DateTimeOffset until);

    [LoggerMessage(207, LogLevel.Warning, "This worker's certificate was not renewed: {Reason}. It is good until {Until:u}")]
    public static partial void NotRenewed(ILogger log, string reason, DateTimeOffset until);

    [LoggerMessage(209, LogLevel.Warning, "This worker's certificate is not kept, and its next start needs a token: {Reason}")]
    public static partial void NotKept(ILogger log, string reason);

    [LoggerMessage(208, LogLevel.Warning, "The certificate in {File} is of authority {Actual}, not of {Wanted}: not used")]
    public static partial void OtherAuthority(ILogger log, string file, string actual, string wanted);

    [LoggerMessage(210, LogLevel.Information, "Asking the coordinator for dataset {Name}, {Bytes} bytes")]
    public static partial void AskingForDataset(ILogger log, string name, long bytes);

    [LoggerMessage(211, LogLevel.Warning, "The dataset {Name} found here has digest {Digest}, but the run wants {Wanted}: not used")]
    public static partial void OtherDataset(ILogger log, string name, string digest, string wanted);

    [LoggerMessage(212, LogLevel.Warning, "The cached dataset {Path} is damaged: removed")]
    public static partial void CacheDamaged(ILogger log, string path);

    [LoggerMessage(213, LogLevel.Warning, "The dataset cache cannot be used: {Path}: {Reason}")]
    public static partial void CacheUnusable(ILogger log, string path, string reason);

    [LoggerMessage(220, LogLevel.Warning, "The parameters of version {Version} came damaged: their lease goes back")]
    public static partial void ParametersDamaged(ILogger log, ulong version);

    [LoggerMessage(221, LogLevel.Information, "Lease {LeaseId} goes back: {Reason}")]
    public static partial void LeaseReturned(ILogger log, long leaseId, ReturnReason reason);

    [LoggerMessage(222, LogLevel.Debug, "Not counted: shards [{First}, {End}): {Verdict}")]
    public static partial void NotCounted(ILogger log, uint first, uint end, Verdict verdict);

    [LoggerMessage(223, LogLevel.Warning, "The current lease is left to others: it was not done within {Seconds:0} s")]
    public static partial void LeaseLeft(ILogger log, double seconds);

    [LoggerMessage(224, LogLevel.Error, "Computing failed")]
    public static partial void ComputeFailed(ILogger log, Exception failure);
}
