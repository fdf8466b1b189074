using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>Where a run is and who works on it, at one moment.</summary>
/// <param name="Phase">What it is doing.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Of the whole run.</param>
/// <param name="Incarnation">Which coordinator this is.</param>
/// <param name="SavedAt">The steps behind the last durable checkpoint; −1 for none.</param>
/// <param name="WorkersNeeded">How many workers a round needs to begin.</param>
/// <param name="WaitsFor">Whom it waits for, in words; null if rounds go on as usual.</param>
/// <param name="SlowWorker">The worker that the others wait for, if one is much slower; 0 if none is.</param>
/// <param name="Workers">Everybody attached.</param>
public sealed record RunStatus(
    SessionPhase Phase, long Step, long Steps, ulong Incarnation, long SavedAt, int WorkersNeeded, string? WaitsFor, int SlowWorker,
    IReadOnlyList<WorkerStatus> Workers);

/// <summary>What a worker is doing.</summary>
/// <param name="Info">Who.</param>
/// <param name="State">joining, idle, computing or late.</param>
/// <param name="Shards">Of its last lease.</param>
/// <param name="SilentSeconds">Since its last sign of life.</param>
/// <param name="ComputeSeconds">A round's time that it computes; NaN if unknown.</param>
/// <param name="NetworkSeconds">A round's time that goes to messages to and from it; NaN if unknown.</param>
/// <param name="WaitSeconds">A round's time that it waits for others; NaN if unknown.</param>
public sealed record WorkerStatus(
    WorkerInfo Info, string State, int Shards, double SilentSeconds, double ComputeSeconds, double NetworkSeconds, double WaitSeconds);
