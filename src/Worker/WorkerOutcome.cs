namespace DistTrain.Worker;

/// <summary>How a worker ended.</summary>
/// <param name="ExitCode">0 the run completed or the worker was asked to stop; 1 it failed; 2 refused, or wrong options; 3 no coordinator in time.</param>
/// <param name="Reason">For people.</param>
public sealed record WorkerOutcome(int ExitCode, string Reason)
{
    /// <summary>The run is done, or this worker was asked to stop.</summary>
    public const int Done = 0;

    /// <summary>The run or this worker failed.</summary>
    public const int Failed = 1;

    /// <summary>The coordinator does not want this worker, or the options are wrong.</summary>
    public const int Refused = 2;

    /// <summary>No coordinator in time.</summary>
    public const int NoCoordinator = 3;
}
