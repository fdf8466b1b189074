using CsCheck;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>Each rule by an example, then all of them under any order of events.</summary>
public sealed class TrainingSessionTests
{
    private static readonly Round First = new(RoundKind.Training, 0, 8);

    [Fact]
    public void AnyEvents_AnyOrder_CountEachShardOnceAndComeToTheEnd() =>
        (from shardCount in Gen.OneOf(Gen.Int[1, 9], Gen.Int[1, 40])
         from steps in Gen.Long[1, 8]
         from workersToStart in Gen.Int[1, 3]
         from events in Gen.Select(Gen.Int[0, 1000], Gen.Int[0, 1000]).Array[0, 200]
         from last in Gen.Int[0, 1000]
         select (shardCount, steps, workersToStart, events, last)).Sample(
            (shardCount, steps, workersToStart, events, last) =>
            {
                var simulation = new SessionSimulation(SessionSimulation.Spec(shardCount, steps), workersToStart);
                foreach (var (kind, choice) in events)
                {
                    simulation.Step(kind, choice);
                }

                simulation.Drain(last);
            },
            iter: 3000);

    [Fact]
    public void WorkerJoined_First_GetsParametersThenAllShards() => Assert.Equal(
        [Send(1, First), Give(1, 1, First, 0, 8)],
        Session().Apply(SessionEvent.WorkerJoined(1)));

    [Fact]
    public void WorkerJoined_FewerThanWanted_WaitsForTheOthers()
    {
        var session = Session(workersToStart: 3);
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(1)));
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(2)));
        Assert.Equal(
            [Send(1, First), Give(1, 1, First, 0, 2), Send(2, First), Give(2, 2, First, 2, 5), Send(3, First), Give(3, 3, First, 5, 8)],
            session.Apply(SessionEvent.WorkerJoined(3)));
    }

    [Fact]
    public void WorkersExpected_FewerThanWanted_BeginsWithThoseAtHand()
    {
        var session = Session(workersToStart: 3);
        session.Apply(SessionEvent.WorkerJoined(1));
        session.Apply(SessionEvent.WorkerJoined(2));
        Assert.Equal(
            [Send(1, First), Give(1, 1, First, 0, 4), Send(2, First), Give(2, 2, First, 4, 8)],
            session.Apply(SessionEvent.WorkersExpected(2)));
        Assert.Empty(session.Apply(SessionEvent.WorkersExpected(1)));
    }

    [Fact]
    public void WorkerJoined_InMidRound_WorksFromTheNextOn()
    {
        var session = Session();
        session.Apply(SessionEvent.WorkerJoined(1));
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(2)));
        session.Apply(SessionEvent.PartialArrived(1, First, new(0, 8)));
        var second = First with { Version = 1 };
        Assert.Equal(
            [Send(1, second), Give(2, 1, second, 0, 4), Send(2, second), Give(3, 2, second, 4, 8)],
            session.Apply(SessionEvent.StepCommitted()));
    }

    [Fact]
    public void WorkerJoined_MoreThanShards_TheRestIdle()
    {
        var session = Session(shardCount: 3, workersToStart: 5);
        Join(session, 4);
        var leases = session.Apply(SessionEvent.WorkerJoined(5)).Where(effect => effect.Kind == EffectKind.Lease).ToList();
        Assert.Equal([(1, new ShardRange(0, 1)), (2, new(1, 2)), (3, new(2, 3))], leases.Select(effect => (effect.Worker, effect.Lease.Range)));
        Assert.Equal([1, 2, 3], session.Awaited);
        Assert.Equal([1, 2, 3, 4, 5], session.Workers);
    }

    [Fact]
    public void WorkerJoined_Twice_IsMisuse()
    {
        var session = Session();
        Join(session, 1);
        Assert.Throws<InvalidOperationException>(() => { session.Apply(SessionEvent.WorkerJoined(1)); });
    }

    [Fact]
    public void WorkerLost_WithOpenShards_TheyGoToTheNextIdleWorkerLessWhatCounted()
    {
        var session = Session(workersToStart: 2);
        Join(session, 2);
        session.Apply(SessionEvent.WorkerJoined(3));
        // Worker 3 idles, so it takes over at once.
        Assert.Equal([Send(3, First), Give(3, 3, First, 4, 8)], session.Apply(SessionEvent.WorkerLost(2)));
        // Nobody idles now; the shards wait for worker 1.
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(3)));
        Assert.Equal(
            [Answer(1, First, 0, 4, PartialVerdict.Counted), Give(4, 1, First, 4, 8)],
            session.Apply(SessionEvent.PartialArrived(1, First, new(0, 4))));
    }

    [Fact]
    public void WorkerLost_AfterPartOfItsNodes_OnlyTheOthersAreLeasedAgain()
    {
        var session = Session(shardCount: 12, workersToStart: 2);
        Join(session, 2);
        var round = First with { ShardCount = 12 };
        // [0, 6) is the nodes [0, 4) and [4, 6), [6, 12) the nodes [6, 8) and [8, 12).
        session.Apply(SessionEvent.PartialArrived(2, round, new(6, 8)));
        session.Apply(SessionEvent.WorkerLost(2));
        Assert.Equal([Answer(1, round, 0, 4, PartialVerdict.Counted)], session.Apply(SessionEvent.PartialArrived(1, round, new(0, 4))));
        Assert.Equal(
            [Answer(1, round, 4, 6, PartialVerdict.Counted), Give(3, 1, round, 8, 12)],
            session.Apply(SessionEvent.PartialArrived(1, round, new(4, 6))));
    }

    [Fact]
    public void WorkerLost_LastOne_TheRoundWaitsForAnother()
    {
        var session = Session();
        Join(session, 1);
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(1)));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(1)));
        Assert.Equal([Send(2, First), Give(2, 2, First, 0, 8)], session.Apply(SessionEvent.WorkerJoined(2)));
    }

    [Fact]
    public void DeadlinePassed_IdleWorkerAtHand_BothComputeAndTheFirstAnswerCounts()
    {
        var session = Session();
        Join(session, 2);
        Assert.Equal([Send(2, First), Give(2, 2, First, 0, 8)], session.Apply(SessionEvent.DeadlinePassed(1)));
        Assert.Equal(
            [Answer(2, First, 0, 8, PartialVerdict.Counted), new SessionEffect(EffectKind.Revoke, 1, LeaseOf(1, 1, First, 0, 8)), Commit(First)],
            session.Apply(SessionEvent.PartialArrived(2, First, new(0, 8))));
        Assert.Equal([Answer(1, First, 0, 8, PartialVerdict.Stale)], session.Apply(SessionEvent.PartialArrived(1, First, new(0, 8))));
    }

    [Fact]
    public void DeadlinePassed_NobodyIdle_TheFirstToFinishTakesOver()
    {
        var session = Session(workersToStart: 2);
        Join(session, 2);
        Assert.Empty(session.Apply(SessionEvent.DeadlinePassed(2)));
        Assert.Equal(
            [Answer(1, First, 0, 4, PartialVerdict.Counted), Give(3, 1, First, 4, 8)],
            session.Apply(SessionEvent.PartialArrived(1, First, new(0, 4))));
        // The late one answers after all: first answer wins, and the other is told to stop.
        Assert.Equal(
            [Answer(2, First, 4, 8, PartialVerdict.Counted), new SessionEffect(EffectKind.Revoke, 1, LeaseOf(3, 1, First, 4, 8)), Commit(First)],
            session.Apply(SessionEvent.PartialArrived(2, First, new(4, 8))));
    }

    [Fact]
    public void DeadlinePassed_OfAnOldOrUnknownLease_DoesNothing()
    {
        var session = Session();
        Join(session, 1);
        session.Apply(SessionEvent.PartialArrived(1, First, new(0, 8)));
        session.Apply(SessionEvent.StepCommitted());
        session.Apply(SessionEvent.WorkerJoined(2));
        Assert.Empty(session.Apply(SessionEvent.DeadlinePassed(1)));
        Assert.Empty(session.Apply(SessionEvent.DeadlinePassed(99)));
        Assert.Equal(2, Assert.Single(session.Apply(SessionEvent.DeadlinePassed(2)), effect => effect.Kind == EffectKind.Lease).Worker);
    }

    /// <summary>Worker 1 stalls, worker 2 takes over and dies: worker 3 must get the shards, though worker 1's deadline will not pass again.</summary>
    [Fact]
    public void WorkerLost_WhoTookOverFromALateOne_TheShardsAreLeasedAgain()
    {
        var session = Session();
        Join(session, 2);
        session.Apply(SessionEvent.DeadlinePassed(1));
        session.Apply(SessionEvent.WorkerJoined(3));
        Assert.Equal([Send(3, First), Give(3, 3, First, 0, 8)], session.Apply(SessionEvent.WorkerLost(2)));
    }

    /// <summary>A third worker does not help as long as the second has its time.</summary>
    [Fact]
    public void WorkerJoined_WhileALateLeaseIsBeingRedone_Idles()
    {
        var session = Session();
        Join(session, 2);
        session.Apply(SessionEvent.DeadlinePassed(1));
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(3)));
        Assert.Equal([Send(3, First), Give(3, 3, First, 0, 8)], session.Apply(SessionEvent.DeadlinePassed(2)));
    }

    [Fact]
    public void LeaseReturned_Current_IsGivenOutAgainWithTheParameters()
    {
        var session = Session(workersToStart: 2);
        Join(session, 2);
        Assert.Equal([Send(2, First), Give(3, 2, First, 4, 8)], session.Apply(SessionEvent.LeaseReturned(2)));
    }

    [Fact]
    public void LeaseReturned_OldOrUnknown_DoesNothing()
    {
        var session = Session(workersToStart: 2);
        Join(session, 2);
        session.Apply(SessionEvent.PartialArrived(1, First, new(0, 4)));
        Assert.Empty(session.Apply(SessionEvent.LeaseReturned(1)));
        Assert.Empty(session.Apply(SessionEvent.LeaseReturned(99)));
        Assert.Equal([2], session.Awaited);
    }

    [Fact]
    public void PartialArrived_Twice_IsADuplicate()
    {
        var session = Session(workersToStart: 2);
        Join(session, 2);
        session.Apply(SessionEvent.PartialArrived(1, First, new(0, 4)));
        Assert.Equal([Answer(1, First, 0, 4, PartialVerdict.Duplicate)], session.Apply(SessionEvent.PartialArrived(1, First, new(0, 4))));
    }

    [Theory]
    [InlineData(0, 8)]
    [InlineData(0, 2)]
    [InlineData(3, 5)]
    [InlineData(4, 4)]
    [InlineData(-1, 4)]
    [InlineData(4, 9)]
    public void PartialArrived_NodeNotAskedFor_IsMalformed(int start, int end)
    {
        var session = Session(workersToStart: 2);
        Join(session, 2);
        Assert.Equal([Answer(1, First, start, end, PartialVerdict.Malformed)], session.Apply(SessionEvent.PartialArrived(1, First, new(start, end))));
    }

    [Fact]
    public void PartialArrived_OfAnyOtherRound_IsStale()
    {
        var session = Session();
        Assert.Equal(PartialVerdict.Stale, Assert.Single(session.Apply(SessionEvent.PartialArrived(1, First, new(0, 8)))).Verdict);
        Join(session, 1);
        foreach (var round in new[] { First with { Version = 1 }, First with { Kind = RoundKind.Evaluation }, First with { ShardCount = 4 } })
        {
            Assert.Equal(PartialVerdict.Stale, Assert.Single(session.Apply(SessionEvent.PartialArrived(1, round, new(0, 4)))).Verdict);
        }
    }

    [Fact]
    public void StepCommitted_EndOfEpochAndRun_AreEvaluatedWithTheParametersAlreadySent()
    {
        // 10 samples in batches of 4: three steps make an epoch; 1,200 test images make three evaluation shards.
        var session = new TrainingSession(SessionSimulation.Spec(shardCount: 1, steps: 4));
        var happened = new List<string>();
        var queue = new Queue<SessionEvent>([SessionEvent.WorkerJoined(1)]);
        while (queue.TryDequeue(out var next))
        {
            foreach (var effect in session.Apply(next))
            {
                switch (effect.Kind)
                {
                    case EffectKind.Lease:
                        happened.Add($"{effect.Round.Kind} {effect.Round.Version} {effect.Lease.Range}");
                        foreach (var node in ReductionTree.Cover(effect.Round.ShardCount, effect.Lease.Range))
                        {
                            queue.Enqueue(SessionEvent.PartialArrived(1, effect.Round, node));
                        }

                        break;
                    case EffectKind.CommitStep:
                        queue.Enqueue(SessionEvent.StepCommitted());
                        break;
                    case EffectKind.SendParameters or EffectKind.Complete:
                        happened.Add($"{effect.Kind}");
                        break;
                }
            }
        }

        Assert.Equal(
            [
                "SendParameters", "Training 0 [0, 1)", "SendParameters", "Training 1 [0, 1)", "SendParameters", "Training 2 [0, 1)",
                "SendParameters", "Evaluation 3 [0, 3)", "Training 3 [0, 1)", "SendParameters", "Evaluation 4 [0, 3)", "Complete",
            ],
            happened);
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(2)));
    }

    [Fact]
    public void StepRefused_WithAReason_FailsTheRunWithIt()
    {
        var session = Session();
        Join(session, 1);
        session.Apply(SessionEvent.PartialArrived(1, First, new(0, 8)));
        Assert.Equal([new SessionEffect(EffectKind.Fail, Round: First, Reason: "not finite")], session.Apply(SessionEvent.StepRefused("not finite")));
        Assert.True(session.HasEnded);
        Assert.Equal(0, session.StepsDone);
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(2)));
    }

    [Fact]
    public void StepCommitted_WhileComputing_IsMisuse()
    {
        var session = Session();
        Join(session, 1);
        Assert.Throws<InvalidOperationException>(() => { session.Apply(SessionEvent.StepCommitted()); });
        Assert.Throws<InvalidOperationException>(() => { session.Apply(SessionEvent.StepRefused("")); });
    }

    [Fact]
    public void WorkerJoinedAndLost_WhileCommitting_GetNoLeaseOfEitherStep()
    {
        var session = Session();
        Join(session, 1);
        Assert.Equal(EffectKind.CommitStep, session.Apply(SessionEvent.PartialArrived(1, First, new(0, 8)))[^1].Kind);
        Assert.Empty(session.Apply(SessionEvent.WorkerJoined(2)));
        Assert.Empty(session.Apply(SessionEvent.WorkerLost(1)));
        var second = First with { Version = 1 };
        Assert.Equal([Send(2, second), Give(2, 2, second, 0, 8)], session.Apply(SessionEvent.StepCommitted()));
    }

    private static TrainingSession Session(int shardCount = 8, int workersToStart = 1) =>
        new(SessionSimulation.Spec(shardCount, steps: 5, trainCount: 1000), new SessionOptions(WorkersToStart: workersToStart));

    private static void Join(TrainingSession session, int count)
    {
        for (var worker = 1; worker <= count; worker++)
        {
            session.Apply(SessionEvent.WorkerJoined(worker));
        }
    }

    private static Lease LeaseOf(long id, int worker, Round round, int start, int end) => new(id, worker, round, new ShardRange(start, end));

    private static SessionEffect Send(int worker, Round round) => new(EffectKind.SendParameters, worker, Round: round);

    private static SessionEffect Give(long id, int worker, Round round, int start, int end) =>
        new(EffectKind.Lease, worker, LeaseOf(id, worker, round, start, end), round);

    private static SessionEffect Answer(int worker, Round round, int start, int end, PartialVerdict verdict) =>
        new(EffectKind.AnswerPartial, worker, Round: round, Node: new ShardRange(start, end), Verdict: verdict);

    private static SessionEffect Commit(Round round) => new(EffectKind.CommitStep, Round: round);
}
