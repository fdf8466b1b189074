using DistTrain.Coordinator;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Simulation;

/// <summary>What must hold after every event: docs/faults.md, O1 to O4. Whatever breaks a rule ends the simulation.</summary>
internal sealed class SafetyRules(World world)
{
    private readonly CalmRun _calm = CalmRun.Of(world.Scenario.Spec);
    private readonly Dictionary<(ulong Incarnation, long Step), bool[]> _counted = [];
    private readonly SortedSet<long> _durable = [];
    private bool _saveFailed;
    private long _writtenTo;
    private bool _wasStopped;

    /// <summary>The incarnation whose partial is being taken by the run; 0 if nothing is.</summary>
    public ulong Origin { get; set; }

    /// <summary>The steps of checkpoints that were damaged on purpose.</summary>
    public HashSet<long> Damaged { get; } = [];

    /// <summary>A coordinator has begun, after as many steps as it could find.</summary>
    public void Resumed(SimulatedCoordinator coordinator, TrainingState state, int temporariesDeleted)
    {
        var best = _durable.Where(steps => !Damaged.Contains(steps)).DefaultIfEmpty(0).Max();
        if (state.StepsDone < best)
        {
            world.Violate($"O4: a checkpoint after step {best} was reported durable, but incarnation {coordinator.Incarnation} goes on after step {state.StepsDone}");
        }

        _writtenTo = state.StepsDone;
        if (state.StepsDone > 0 && state.Chain != _calm.Chain(state.StepsDone))
        {
            world.Violate($"O2: the checkpoint after step {state.StepsDone} holds other bits than the calm run");
        }

        if (coordinator.Incarnation > 1)
        {
            world.Took(
                state.StepsDone == 0 ? RecoveryBranch.StartedAgain
                : Damaged.Any(steps => steps > state.StepsDone) ? RecoveryBranch.ResumedFromOlder
                : RecoveryBranch.ResumedFromNewest);
        }

        if (temporariesDeleted > 0)
        {
            world.Took(RecoveryBranch.TemporariesCleaned);
        }

        if (_wasStopped)
        {
            _wasStopped = false;
            world.Took(RecoveryBranch.StoppedAndResumed);
        }
    }

    /// <summary>O2, and no step twice with different bits.</summary>
    public void StepDone(long stepsDone, TrainingState state)
    {
        if (state.Chain != _calm.Chain(stepsDone))
        {
            world.Violate($"O2: the parameters after step {stepsDone} are not those of the calm run");
        }
    }

    /// <summary>O2 for what an evaluation says.</summary>
    public void EvaluationDone(long stepsDone, TrainingState state)
    {
        if (state.LastEvaluation != _calm.Evaluation(stepsDone))
        {
            world.Violate($"O2: the evaluation after step {stepsDone} says {state.LastEvaluation}, the calm run {_calm.Evaluation(stepsDone)}");
        }
    }

    /// <summary>O3 as it happens.</summary>
    public void Counted(SimulatedCoordinator coordinator, long step, ShardRange node)
    {
        if (Origin != 0 && Origin != coordinator.Incarnation)
        {
            world.Violate($"O3: a partial of incarnation {Origin} counts for step {step} of incarnation {coordinator.Incarnation}");
        }

        if (!_counted.TryGetValue((coordinator.Incarnation, step), out var shards))
        {
            _counted.Add((coordinator.Incarnation, step), shards = new bool[world.Scenario.Spec.ShardCount]);
        }

        for (var shard = node.Start; shard < node.End; shard++)
        {
            if (shards[shard])
            {
                world.Violate($"O3: shard {shard} of step {step} counts twice");
            }

            shards[shard] = true;
        }
    }

    /// <summary>A save has ended.</summary>
    public void Saved(SaveResult result)
    {
        switch (result.Outcome)
        {
            case SaveOutcome.Saved:
                _durable.Add(result.StepsDone);
                _writtenTo = result.StepsDone;
                Damaged.Remove(result.StepsDone);
                if (_saveFailed)
                {
                    _saveFailed = false;
                    world.Took(RecoveryBranch.SaveRecovered);
                }

                break;
            case SaveOutcome.Superseded:
                world.Took(RecoveryBranch.Fenced);
                break;
            case SaveOutcome.NotFinite:
                world.Violate($"the parameters after step {result.StepsDone} are not finite");
                break;
            default:
                _saveFailed = true;
                world.Took(RecoveryBranch.SaveFailed);
                break;
        }
    }

    /// <summary>Somebody may not join.</summary>
    public void Refused(Refused refused)
    {
        switch (refused.Reason)
        {
            case RefusalReason.KnownAnswer:
                world.Took(RecoveryBranch.KnownAnswerRefused);
                break;
            case RefusalReason.Quarantined:
                world.Took(RecoveryBranch.QuarantineRefused);
                break;
        }
    }

    /// <summary>A message goes to a worker.</summary>
    public void Sent(Link link, CoordinatorMessage message)
    {
        if (message.KindCase == CoordinatorMessage.KindOneofCase.Revoked)
        {
            world.Took(RecoveryBranch.LeaseRevoked);
        }

        if (message.KindCase != CoordinatorMessage.KindOneofCase.Answer || message.Answer.Verdict == Verdict.Counted)
        {
            return;
        }

        world.Trace.Add($"{link.Slot.Name}: [{message.Answer.FirstShard}, {message.Answer.EndShard}) is {message.Answer.Verdict}");
        RecoveryBranch? branch = message.Answer.Verdict switch
        {
            Verdict.Duplicate => RecoveryBranch.DuplicateAnswered,
            Verdict.Stale => RecoveryBranch.StaleAnswered,
            Verdict.WrongIncarnation => RecoveryBranch.WrongIncarnationAnswered,
            Verdict.Damaged => RecoveryBranch.DamagedPartialAnswered,
            Verdict.NotFinite => RecoveryBranch.NotFiniteAnswered,
            Verdict.Held => RecoveryBranch.HeldForAudit,
            _ => null,
        };
        if (branch is { } took)
        {
            world.Took(took);
        }
    }

    /// <summary>A worker was given up.</summary>
    public void Lost(string reason)
    {
        if (reason.StartsWith("silent for", StringComparison.Ordinal))
        {
            world.Took(RecoveryBranch.DeadBySilence);
        }

        if (reason.StartsWith("it has not read", StringComparison.Ordinal))
        {
            world.Took(RecoveryBranch.DroppedBySendDeadline);
        }

        if (reason.Contains("must stay away", StringComparison.Ordinal))
        {
            world.Took(RecoveryBranch.CrashLoopQuarantined);
        }
    }

    /// <summary>A worker computed wrongly, or is said to have.</summary>
    public void Condemned(WorkerInfo worker, bool isForGood)
    {
        if (isForGood && !world.Liars.Contains(worker.Name))
        {
            world.Violate($"{worker.Name} is evicted, but it never lied");
        }

        world.Took(isForGood ? RecoveryBranch.Evicted : RecoveryBranch.Quarantined);
    }

    /// <summary>A coordinator's run has ended; why must be explained by what was done to it.</summary>
    public CoordinatorEnding Ended(SimulatedCoordinator coordinator, TrainingState state, Exception? failure)
    {
        switch (failure)
        {
            case null:
                if (state.StepsDone != world.Scenario.Spec.TotalSteps || !state.Parameters.Values.SequenceEqual(_calm.Parameters))
                {
                    world.Violate($"O1: incarnation {coordinator.Incarnation} ends after step {state.StepsDone} with other parameters than the calm run");
                }

                return CoordinatorEnding.Completed;
            case RunStoppedException:
                _wasStopped = true;
                return CoordinatorEnding.Stopped;
            case NotEnoughWorkersException:
                world.Took(RecoveryBranch.GaveUpWaiting);
                return CoordinatorEnding.Failed;
        }

        if (!IsExplained(failure.Message))
        {
            world.Violate($"incarnation {coordinator.Incarnation} failed for no reason: {failure.Message}");
        }

        return CoordinatorEnding.Failed;
    }

    /// <summary>O2 and O3 of what is on disk in the end.</summary>
    public void Finished()
    {
        // Chain and ledger are durable up to the last save, and whole if the disk did not fail at the very end.
        var spec = world.Scenario.Spec;
        var steps = _saveFailed ? _writtenTo : spec.TotalSteps;
        var disk = new ProcessDisk(world.Disk, "auditor");
        if (steps == 0)
        {
            return;
        }

        var records = Ledger.ReadAll(disk, $"/run/{RunJournal.LedgerName}", damage => world.Violate($"O3: {damage}"));
        if (Ledger.Verify(records.Where(record => record.Step < steps), spec.ShardCount, steps) is { } violation)
        {
            world.Violate($"O3: the ledger: {violation}");
        }

        var chain = HashChainLog.ReadAll(disk, $"/run/{RunJournal.ChainName}");
        for (var version = 1L; version <= spec.TotalSteps; version++)
        {
            var isThere = version < chain.Length && chain[version] != 0;
            if (isThere ? chain[version] != _calm.Chain(version) : version <= steps)
            {
                world.Violate($"O2: the hash chain on disk differs from the calm run's at version {version}");
            }
        }
    }

    private static readonly FaultKind[] Severing =
    [
        FaultKind.WorkerCrash, FaultKind.WorkerMachineLost, FaultKind.WorkerCrashLoop, FaultKind.WrongBuild, FaultKind.Reset,
        FaultKind.Partition, FaultKind.OneWayPartition, FaultKind.WorkerPause, FaultKind.Delay,
    ];

    private bool IsExplained(string reason) =>
        (reason.Contains("whoever computes shards", StringComparison.Ordinal) && Severing.Sum(kind => world.Coverage[kind]) >= 3)
        || reason.Contains("was taken over by", StringComparison.Ordinal)
        || (reason.Contains("could not be saved", StringComparison.Ordinal) && _saveFailed)
        || (reason.Contains("is not finite", StringComparison.Ordinal) && world.Mutation != Mutation.NoFiniteGate && world.Coverage[FaultKind.NotFinite] >= 2);
}
