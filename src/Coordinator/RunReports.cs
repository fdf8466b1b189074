using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>How a run stands, in words and in numbers.</summary>
/// <param name="setup">The run.</param>
/// <param name="session">Its state machine.</param>
/// <param name="connections">Everybody attached.</param>
/// <param name="stragglers">How fast they are.</param>
internal sealed class RunReports(
    ConductorSetup setup, TrainingSession session, IReadOnlyDictionary<int, WorkerConnection> connections, Stragglers stragglers)
{
    /// <summary>Whether rounds cannot begin for want of workers.</summary>
    public bool IsShortOfWorkers => session.Phase == SessionPhase.WaitingForWorkers || (session.Phase == SessionPhase.Computing && !session.Workers.Any());

    /// <summary>(5.5) Whom the run waits for, and since when.</summary>
    /// <param name="roundTook">Since the current round began.</param>
    public string WaitsFor(TimeSpan roundTook)
    {
        if (session.Phase == SessionPhase.Paused)
        {
            return $"Paused after step {session.StepsDone}; 'disttrain resume' goes on.";
        }

        if (session.Phase == SessionPhase.Saving)
        {
            return $"The run waits for the disk: its last checkpoint, after step {session.StepsDone}, is being written.";
        }

        if (IsShortOfWorkers)
        {
            var members = session.Workers.Count();
            var missing = Math.Max(1, session.WorkersNeeded - members);
            return $"Waiting for {missing} more {(missing == 1 ? "worker" : "workers")}: {members} of {members + missing} needed are here"
                + $"{(members > 0 ? $" ({Names(session.Workers)})" : "")}{Joining()}";
        }

        return session.NeedsAnotherOpinion
            ? $"{session.Round.Kind} {session.Round.Version} waits for another worker, to compute what those here may not decide alone"
            : $"{session.Round.Kind} {session.Round.Version} has taken {roundTook.TotalSeconds:0} s; it waits for {Names(session.Awaited)}.";
    }

    /// <summary>Everything at this moment.</summary>
    /// <param name="now">By the <see cref="RunningClock"/>.</param>
    /// <param name="roundTook">Since the current round began.</param>
    public RunStatus Status(TimeSpan now, TimeSpan roundTook)
    {
        var isHeldUp = session.Phase is SessionPhase.WaitingForWorkers or SessionPhase.Paused or SessionPhase.Saving || session.NeedsAnotherOpinion || !session.Workers.Any();
        return new RunStatus(
            session.Phase,
            session.StepsDone,
            setup.Spec.TotalSteps,
            setup.Incarnation,
            session.SavedAt,
            session.WorkersNeeded,
            isHeldUp ? WaitsFor(roundTook) : null,
            stragglers.Slowest?.Worker ?? 0,
            [.. connections.Values.OrderBy(connection => connection.Info.Id).Select(connection => StatusOf(connection, now))]);
    }

    private WorkerStatus StatusOf(WorkerConnection connection, TimeSpan now)
    {
        var timings = stragglers.Of(connection.Info.Id);
        return new WorkerStatus(
            connection.Info,
            !connection.IsMember ? "joining" : !session.Awaited.Contains(connection.Info.Id) ? "idle" : connection.Deadlines!.IsLate ? "late" : "computing",
            connection.Lease?.Range.Count ?? 0,
            connection.Deadlines!.Silent(now).TotalSeconds,
            timings?.ComputeSeconds ?? double.NaN,
            timings?.NetworkSeconds ?? double.NaN,
            timings?.WaitSeconds ?? double.NaN);
    }

    private string Joining()
    {
        var joining = connections.Values.Where(connection => !connection.IsMember).Select(connection => connection.Info.ToString()).ToArray();
        return joining.Length == 0 ? "" : $", not ready yet: {string.Join(", ", joining)}";
    }

    private string Names(IEnumerable<int> workers) => string.Join(", ", workers.Select(id => connections[id].Info.ToString()));
}
