namespace DistTrain.Cli.Runs;

/// <summary>Who works on a run, at one moment. For those who watch: it is not in <c>--json</c>, and only now and then in <c>metrics.jsonl</c>.</summary>
/// <param name="WaitsFor">Whom the run waits for, in words; null if it goes on as usual.</param>
/// <param name="Workers">Everybody attached.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
public sealed record ClusterGlance(string? WaitsFor, IReadOnlyList<WorkerGlance> Workers, double ElapsedSeconds) : RunEvent
{
    /// <summary>The part of the current round that a worker has, 0 to 1; 0 if nobody has any.</summary>
    public double Share(WorkerGlance worker) => Workers.Sum(other => other.Shards) is var all and > 0 ? (double)worker.Shards / all : 0;
}

/// <summary>What a worker is doing. Times are those of a round, smoothed.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">Its number, host and process.</param>
/// <param name="State">joining, idle, computing or late.</param>
/// <param name="IsSlow">Whether the others wait for it.</param>
/// <param name="Shards">Of its last lease.</param>
/// <param name="ComputeSeconds">In which it computes; null if unknown.</param>
/// <param name="NetworkSeconds">That go to messages to and from it; null if unknown.</param>
/// <param name="WaitSeconds">In which it waits for others; null if unknown.</param>
/// <param name="SilentSeconds">Since its last sign of life.</param>
public sealed record WorkerGlance(
    int Id, string Name, string State, bool IsSlow, int Shards, double? ComputeSeconds, double? NetworkSeconds, double? WaitSeconds, double SilentSeconds);
