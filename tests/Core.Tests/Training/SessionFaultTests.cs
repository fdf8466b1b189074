using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>What a session does when results are wrong, when operators interfere, and when it saves.</summary>
public sealed class SessionFaultTests
{
    private static readonly Round First = new(RoundKind.Training, 0, 8);

    [Fact]
    public void NotFinite_AnotherWorkerIsFinite_ItsResultCountsAndTheFirstIsSentAway()
    {
        var session = Session(workers: 2);
        Assert.Contains(EffectKind.AnswerPartial, Kinds(session.Apply(Partial(1, 0, 4, lease: 1, isFinite: false))));
        Assert.Contains(2, LeasedTo(session.Apply(Partial(2, 4, 8, lease: 2))));

        var effects = session.Apply(Partial(2, 0, 4, lease: 3)).ToList();

        Assert.Equal(PartialVerdict.Counted, effects[0].Verdict);
        var sentAway = Assert.Single(effects, effect => effect.Kind == EffectKind.Quarantine);
        Assert.Equal(1, sentAway.Worker);
        Assert.Contains("[0, 4)", sentAway.Reason, StringComparison.Ordinal);
        Assert.Equal(EffectKind.CommitStep, effects[^1].Kind);
        Assert.Equal([2], session.Workers);
    }

    [Fact]
    public void NotFinite_OnlyWorker_ComputesAgainItselfAndStays()
    {
        var session = Session(workers: 1);
        var effects = session.Apply(Partial(1, 0, 8, lease: 1, isFinite: false)).ToList();
        Assert.Equal(PartialVerdict.NotFinite, effects[0].Verdict);
        Assert.Equal([1], LeasedTo(effects));

        effects = [.. session.Apply(Partial(1, 0, 8, lease: 2))];

        Assert.Equal([EffectKind.AnswerPartial, EffectKind.CommitStep], Kinds(effects));
        Assert.Equal([1], session.Workers);
    }

    [Fact]
    public void NotFinite_Twice_FailsBeforeTheUpdate()
    {
        var session = Session(workers: 2);
        session.Apply(Partial(1, 0, 4, lease: 1, isFinite: false));
        session.Apply(Partial(2, 4, 8, lease: 2));

        var effects = session.Apply(Partial(2, 0, 4, lease: 3, isFinite: false)).ToList();

        Assert.Equal([EffectKind.AnswerPartial, EffectKind.Fail], Kinds(effects));
        Assert.Matches("^Step 0: .*not finite.*smaller learning rate", effects[^1].Reason);
        Assert.Equal(0, session.StepsDone);
    }

    /// <summary>The network says it twice: that is one computation, and proves nothing.</summary>
    [Fact]
    public void NotFinite_SameMessageTwice_IsADuplicate()
    {
        var session = Session(workers: 1);
        session.Apply(Partial(1, 0, 8, lease: 1, isFinite: false));
        Assert.Equal(PartialVerdict.Duplicate, Assert.Single(session.Apply(Partial(1, 0, 8, lease: 1, isFinite: false))).Verdict);
        Assert.False(session.HasEnded);
    }

    [Fact]
    public void Audit_TwoAgree_OneIsCounted()
    {
        var session = Session(workers: 2, new SessionOptions(WorkersToStart: 2, AuditShare: 1));
        Assert.True(session.IsAudited(new ShardRange(0, 4)));
        Assert.Equal(PartialVerdict.Held, session.Apply(Partial(1, 0, 4, lease: 1, fingerprint: 7))[0].Verdict);
        session.Apply(Partial(2, 4, 8, lease: 2, fingerprint: 8));

        var effects = session.Apply(Partial(2, 0, 4, lease: 4, fingerprint: 7)).ToList();

        Assert.Equal([EffectKind.AnswerPartial, EffectKind.Settle], Kinds(effects));
        Assert.Equal((1, new ShardRange(0, 4)), (effects[1].Worker, effects[1].Node));
        Assert.Equal(
            [EffectKind.AnswerPartial, EffectKind.Settle, EffectKind.CommitStep],
            Kinds(session.Apply(Partial(1, 4, 8, lease: 3, fingerprint: 8))));
    }

    [Fact]
    public void Audit_TwoDisagree_TheThirdDecidesAndTheLiarIsEvicted()
    {
        var session = Session(workers: 3, new SessionOptions(WorkersToStart: 3, AuditShare: 1), shardCount: 1);
        var round = First with { ShardCount = 1 };
        // One node, two at work on it; the third idles.
        Assert.Equal([1, 2], session.Awaited);
        session.Apply(SessionEvent.PartialArrived(1, round, new(0, 1), 1, isFinite: true, fingerprint: 666));
        Assert.Contains(3, LeasedTo(session.Apply(SessionEvent.PartialArrived(2, round, new(0, 1), 2, isFinite: true, fingerprint: 7))));

        var effects = session.Apply(SessionEvent.PartialArrived(3, round, new(0, 1), 3, isFinite: true, fingerprint: 7)).ToList();

        Assert.Equal([EffectKind.AnswerPartial, EffectKind.Settle, EffectKind.Evict, EffectKind.CommitStep], Kinds(effects));
        Assert.Equal((2, 1), (effects[1].Worker, effects[2].Worker));
        Assert.Equal([2, 3], session.Workers);
    }

    [Fact]
    public void Audit_TwoDisagreeAndNobodyElse_WaitsForAThird()
    {
        var session = Session(workers: 2, new SessionOptions(WorkersToStart: 2, AuditShare: 1), shardCount: 1);
        var round = First with { ShardCount = 1 };
        session.Apply(SessionEvent.PartialArrived(1, round, new(0, 1), 1, isFinite: true, fingerprint: 666));
        session.Apply(SessionEvent.PartialArrived(2, round, new(0, 1), 2, isFinite: true, fingerprint: 7));
        Assert.True(session.NeedsAnotherOpinion);

        Assert.Equal([3], LeasedTo(session.Apply(SessionEvent.WorkerJoined(3))));
    }

    /// <summary>Its opinion was given before it went, and it cannot speak twice.</summary>
    [Fact]
    public void Audit_FirstLeavesAfterItsAnswer_TheSecondStillDecides()
    {
        var session = Session(workers: 2, new SessionOptions(WorkersToStart: 2, AuditShare: 1), shardCount: 1);
        var round = First with { ShardCount = 1 };
        session.Apply(SessionEvent.PartialArrived(1, round, new(0, 1), 1, isFinite: true, fingerprint: 7));
        session.Apply(SessionEvent.WorkerLost(1));

        Assert.Equal(
            [EffectKind.AnswerPartial, EffectKind.Settle, EffectKind.CommitStep],
            Kinds(session.Apply(SessionEvent.PartialArrived(2, round, new(0, 1), 2, isFinite: true, fingerprint: 7))));
    }

    [Fact]
    public void Crashes_ThreeWorkersOnTheSameShards_FailAndNameThem()
    {
        var session = Session(workers: 1);
        session.Apply(SessionEvent.WorkerLost(1, isCrash: true));
        session.Apply(SessionEvent.WorkerJoined(2, "b"));
        session.Apply(SessionEvent.WorkerLost(2, isCrash: true));
        // The same again under another id is no further proof; one that left in order is none.
        session.Apply(SessionEvent.WorkerJoined(3, "b"));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(3, isCrash: true)));
        session.Apply(SessionEvent.WorkerJoined(4, "c"));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(4, isCrash: false)));
        session.Apply(SessionEvent.WorkerJoined(5, "d"));

        var failure = Assert.Single(session.Apply(SessionEvent.WorkerLost(5, isCrash: true)));

        Assert.Equal(EffectKind.Fail, failure.Kind);
        Assert.Matches(@"Step 0.*\[0, 8\).*worker 1, b, d", failure.Reason);
    }

    /// <summary>All had the same shards, since the lease was late twice, when the network failed for all of them: one event, and no proof.</summary>
    [Fact]
    public void Crashes_OfWorkersThatHadTheShardsAtOnce_CountAsOne()
    {
        var session = Session(workers: 3, new SessionOptions(WorkersToStart: 3), shardCount: 1);
        Assert.Equal([2], LeasedTo(session.Apply(SessionEvent.DeadlinePassed(1))));
        Assert.Equal([3], LeasedTo(session.Apply(SessionEvent.DeadlinePassed(2))));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(1, isCrash: true)));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(2, isCrash: true)));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(3, isCrash: true)));

        Assert.Equal([4], LeasedTo(session.Apply(SessionEvent.WorkerJoined(4))));
        Assert.False(session.HasEnded);
    }

    [Fact]
    public void MinimumWorkers_LostBelowIt_FinishesTheRoundAndWaits()
    {
        var session = Session(workers: 2, new SessionOptions(WorkersToStart: 2, MinimumWorkers: 2));
        session.Apply(SessionEvent.WorkerLost(2));
        session.Apply(Partial(1, 0, 4, lease: 1));
        session.Apply(Partial(1, 4, 8, lease: 3));

        Assert.Empty(session.Apply(SessionEvent.StepCommitted()));

        Assert.Equal((SessionPhase.WaitingForWorkers, 2), (session.Phase, session.WorkersNeeded));
        Assert.Equal([1, 3], LeasedTo(session.Apply(SessionEvent.WorkerJoined(3))));
    }

    [Fact]
    public void Pause_TakesEffectAfterTheStep_AndResumeGoesOn()
    {
        var session = Session(workers: 1);
        Assert.Empty(session.Apply(SessionEvent.PauseAsked()));
        Assert.Contains(EffectKind.CommitStep, Kinds(session.Apply(Partial(1, 0, 8, lease: 1))));
        Assert.Empty(session.Apply(SessionEvent.StepCommitted()));
        Assert.Equal(SessionPhase.Paused, session.Phase);
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(2)));

        Assert.Equal([1, 2], LeasedTo(session.Apply(SessionEvent.ResumeAsked())));
    }

    [Fact]
    public void Stop_InMidStep_FinishesItSavesAndStops()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        Assert.Empty(session.Apply(SessionEvent.StopAsked()));
        session.Apply(Partial(1, 0, 8, lease: 1));
        Assert.Equal([EffectKind.SaveCheckpoint], Kinds(session.Apply(SessionEvent.StepCommitted())));
        Assert.Equal((SessionPhase.Saving, 1), (session.Phase, session.StepsDone));

        Assert.Equal([EffectKind.Stop], Kinds(session.Apply(SessionEvent.CheckpointSaved(1))));
        Assert.True(session.HasEnded);
    }

    [Fact]
    public void Stop_NobodyComputes_SavesAtOnce()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        session.Apply(SessionEvent.WorkerLost(1));
        Assert.Equal([EffectKind.SaveCheckpoint], Kinds(session.Apply(SessionEvent.StopAsked())));
        Assert.Equal([EffectKind.Stop], Kinds(session.Apply(SessionEvent.CheckpointSaved(0))));
    }

    [Fact]
    public void Stop_LastWorkerLostMeanwhile_SavesWithoutTheStep()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        session.Apply(SessionEvent.StopAsked());
        Assert.Equal([EffectKind.SaveCheckpoint], Kinds(session.Apply(SessionEvent.WorkerLost(1))));
        Assert.Equal(0, session.StepsDone);
    }

    /// <summary>The step takes too long: its lease is taken back, and what was done before is kept.</summary>
    [Fact]
    public void Stop_UrgedInMidStep_SavesWithoutTheStep()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        Assert.Empty(session.Apply(SessionEvent.StopAsked()));

        Assert.Equal([EffectKind.Revoke, EffectKind.SaveCheckpoint], Kinds(session.Apply(SessionEvent.StopUrged())));

        Assert.Equal(0, session.StepsDone);
        Assert.Equal([EffectKind.Stop], Kinds(session.Apply(SessionEvent.CheckpointSaved(0))));
    }

    [Fact]
    public void Stop_WhileAnOlderSaveIsInFlight_SavesOnceMoreAfterIt()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true, CheckpointSteps: 1));
        session.Apply(Partial(1, 0, 8, lease: 1));
        Assert.Equal(EffectKind.SaveCheckpoint, session.Apply(SessionEvent.StepCommitted())[0].Kind);
        session.Apply(SessionEvent.StopAsked());
        session.Apply(SessionEvent.PartialArrived(1, First with { Version = 1 }, new(0, 8), 2));
        Assert.Empty(session.Apply(SessionEvent.StepCommitted()));

        Assert.Equal([EffectKind.SaveCheckpoint], Kinds(session.Apply(SessionEvent.CheckpointSaved(1))));
        Assert.Equal([EffectKind.Stop], Kinds(session.Apply(SessionEvent.CheckpointSaved(2))));
    }

    [Fact]
    public void Stop_CannotBeSaved_FailsAndNamesTheLastCheckpoint()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        session.Apply(SessionEvent.WorkerLost(1));
        session.Apply(SessionEvent.StopAsked());

        var failure = Assert.Single(session.Apply(SessionEvent.CheckpointFailed(0, "the disk is full.")));

        Assert.Equal(EffectKind.Fail, failure.Kind);
        Assert.Contains("the disk is full. There is no checkpoint.", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_Failed_TheNextRuleTriesAgain()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true, CheckpointSteps: 1));
        session.Apply(Partial(1, 0, 8, lease: 1));
        session.Apply(SessionEvent.StepCommitted());
        Assert.Empty(session.Apply(SessionEvent.CheckpointFailed(1, "the disk is full.")));
        Assert.Equal(-1, session.SavedAt);
        session.Apply(SessionEvent.PartialArrived(1, First with { Version = 1 }, new(0, 8), 2));

        Assert.Equal(EffectKind.SaveCheckpoint, session.Apply(SessionEvent.StepCommitted())[0].Kind);
        session.Apply(SessionEvent.CheckpointSaved(2));
        Assert.Equal(2, session.SavedAt);
    }

    /// <summary>A machine that computes wrongly does so again: come back under another id, it is no second witness of its own bits.</summary>
    [Fact]
    public void Audit_LiarComesAgainUnderAnotherId_DoesNotArbitrate()
    {
        var session = new TrainingSession(SessionSimulation.Spec(8, steps: 5, trainCount: 1000), new SessionOptions(WorkersToStart: 2, AuditShare: 1));
        session.Apply(SessionEvent.WorkerJoined(1, "liar"));
        var leases = session.Apply(SessionEvent.WorkerJoined(2, "honest")).Where(effect => effect.Kind == EffectKind.Lease).Select(effect => effect.Lease).ToList();
        var node = leases.Single(lease => lease.Worker == 1).Range;
        session.Apply(Partial(1, node.Start, node.End, leases.Single(lease => lease.Worker == 1).Id, fingerprint: 666));
        var other = leases.Single(lease => lease.Worker == 2).Range;
        var next = session.Apply(Partial(2, other.Start, other.End, leases.Single(lease => lease.Worker == 2).Id, fingerprint: 2)).Single(effect => effect.Kind == EffectKind.Lease).Lease;
        Assert.Equal(node, next.Range);
        session.Apply(Partial(2, node.Start, node.End, next.Id, fingerprint: 1));
        session.Apply(SessionEvent.WorkerLost(1, isCrash: true));

        var effects = session.Apply(SessionEvent.WorkerJoined(3, "liar")).Where(effect => effect.Kind == EffectKind.Lease).ToList();

        Assert.DoesNotContain(effects, effect => effect.Lease.Range.Contains(node));
        Assert.DoesNotContain(EffectKind.Evict, Kinds(session.Apply(Partial(3, node.Start, node.End, 99, fingerprint: 666))));
        var third = session.Apply(SessionEvent.WorkerJoined(4, "third")).Single(effect => effect.Kind == EffectKind.Lease).Lease;
        Assert.True(third.Range.Contains(node));
        var evicted = Assert.Single(session.Apply(Partial(4, node.Start, node.End, third.Id, fingerprint: 1)).ToList(), effect => effect.Kind == EffectKind.Evict);
        Assert.Equal(3, evicted.Worker);
    }

    /// <summary>A round without workers may last as long as they stay away, and the run may end for want of them.</summary>
    [Fact]
    public void Save_AskedWhileTheRoundHasNoWorkers_IsDoneAtOnce()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        session.Apply(Partial(1, 0, 8, lease: 1));
        session.Apply(SessionEvent.StepCommitted());
        session.Apply(SessionEvent.SaveAsked());

        var effects = session.Apply(SessionEvent.WorkerLost(1)).ToList();

        Assert.Equal([EffectKind.SaveCheckpoint], Kinds(effects));
        Assert.Equal(SessionPhase.Computing, session.Phase);
        session.Apply(SessionEvent.CheckpointSaved(1));
        Assert.Equal(1, session.SavedAt);
        Assert.Empty(session.Apply(SessionEvent.SaveAsked()));
    }

    [Fact]
    public void Save_OneInFlight_TheNextWaitsForIt()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true));
        Assert.Empty(session.Apply(SessionEvent.SaveAsked()));
        session.Apply(Partial(1, 0, 8, lease: 1));
        Assert.Equal(EffectKind.SaveCheckpoint, session.Apply(SessionEvent.StepCommitted())[0].Kind);
        session.Apply(SessionEvent.SaveAsked());
        session.Apply(SessionEvent.PartialArrived(1, First with { Version = 1 }, new(0, 8), 2));
        Assert.DoesNotContain(EffectKind.SaveCheckpoint, Kinds(session.Apply(SessionEvent.StepCommitted())));
        session.Apply(SessionEvent.CheckpointSaved(1));
        session.Apply(SessionEvent.PartialArrived(1, First with { Version = 2 }, new(0, 8), 3));

        Assert.Equal(EffectKind.SaveCheckpoint, session.Apply(SessionEvent.StepCommitted())[0].Kind);
    }

    [Fact]
    public void Save_TakenOverByAnother_FailsAtOnce()
    {
        var session = Session(workers: 1, new SessionOptions(Saves: true, CheckpointSteps: 1));
        session.Apply(Partial(1, 0, 8, lease: 1));
        session.Apply(SessionEvent.StepCommitted());

        var failure = Assert.Single(session.Apply(SessionEvent.CheckpointFailed(1, "taken over", isFatal: true)));

        Assert.Equal((EffectKind.Fail, "taken over"), (failure.Kind, failure.Reason));
        Assert.True(session.HasEnded);
    }

    [Fact]
    public void Complete_Saves_OnlyAfterTheSave()
    {
        var session = new TrainingSession(SessionSimulation.Spec(8, steps: 5, trainCount: 1000), new SessionOptions(Saves: true), stepsDone: 5, evaluatedAt: 5);
        Assert.Equal([EffectKind.Complete], Kinds(session.Apply(SessionEvent.WorkerJoined(1))));

        session = new TrainingSession(SessionSimulation.Spec(8, steps: 5, trainCount: 1000), new SessionOptions(Saves: true), stepsDone: 5);
        Assert.Equal(new Round(RoundKind.Evaluation, 5, 3), session.Apply(SessionEvent.WorkerJoined(1))[^1].Round);
    }

    [Fact]
    public void GoingOn_AtAStep_BeginsWithItsRound()
    {
        var session = new TrainingSession(SessionSimulation.Spec(8, steps: 5, trainCount: 1000), stepsDone: 3);
        Assert.Equal(First with { Version = 3 }, session.Apply(SessionEvent.WorkerJoined(1))[^1].Round);
    }

    /// <summary>A stop says that a checkpoint is durable: where the run is looked for, not where it came from.</summary>
    [Fact]
    public void GoingOn_FromAnothersCheckpoint_SavesItAtOnce()
    {
        var session = new TrainingSession(
            SessionSimulation.Spec(8, steps: 5, trainCount: 1000), new SessionOptions(WorkersToStart: 2, Saves: true), stepsDone: 3, isSaved: false);
        Assert.Equal(-1, session.SavedAt);
        Assert.Equal([EffectKind.SaveCheckpoint], Kinds(session.Apply(SessionEvent.WorkerJoined(1))));
        Assert.Empty(session.Apply(SessionEvent.StopAsked()));

        Assert.Equal([EffectKind.Stop], Kinds(session.Apply(SessionEvent.CheckpointSaved(3))));
        Assert.Equal(3, session.SavedAt);
    }

    private static TrainingSession Session(int workers, SessionOptions? options = null, int shardCount = 8)
    {
        var session = new TrainingSession(SessionSimulation.Spec(shardCount, steps: 5, trainCount: 1000), options ?? new SessionOptions(WorkersToStart: workers));
        for (var worker = 1; worker <= workers; worker++)
        {
            session.Apply(SessionEvent.WorkerJoined(worker));
        }

        return session;
    }

    private static SessionEvent Partial(int worker, int start, int end, long lease, bool isFinite = true, ulong fingerprint = 0) =>
        SessionEvent.PartialArrived(worker, First, new ShardRange(start, end), lease, isFinite, fingerprint);

    private static IEnumerable<EffectKind> Kinds(IEnumerable<SessionEffect> effects) => effects.Select(effect => effect.Kind);

    private static IEnumerable<int> LeasedTo(IEnumerable<SessionEffect> effects) =>
        effects.Where(effect => effect.Kind == EffectKind.Lease).Select(effect => effect.Worker);
}
