using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>
/// Drives a <see cref="TrainingSession"/> with whatever workers, networks and clocks may do, one event at a time, and checks after every event
/// what must always hold.
/// </summary>
internal sealed class SessionSimulation
{
    private readonly RunSpec _spec;
    private readonly TrainingSession _session;
    private readonly Dictionary<int, Worker> _workers = [];
    private readonly List<(int Worker, Round Round, ShardRange Node, long Lease)> _delivered = [];
    private readonly List<long> _watchedDeadlines = [];
    private readonly Queue<Round> _expectedRounds;
    private int[] _counted = [];
    private int _nextWorker = 1;
    private long _lastLease;
    private bool _commitIsDue;

    public SessionSimulation(RunSpec spec, int workersToStart = 1)
    {
        _spec = spec;
        _session = new TrainingSession(spec, new SessionOptions(WorkersToStart: workersToStart));
        _expectedRounds = new Queue<Round>(RoundsOf(spec));
    }

    public bool IsComplete { get; private set; }

    public bool HasWorkers => _workers.Count > 0;

    /// <summary>A run in which only the plan of steps matters.</summary>
    public static RunSpec Spec(int shardCount, long steps, int trainCount = 10, int batchSize = 4, int testCount = 1200) =>
        new(
            new ModelSpec("any", [1], [new AffineSpec(1)]),
            new DatasetSpec("any", "", trainCount, testCount, 1, 1),
            new OptimizerSpec("sgd", 0.1f),
            batchSize,
            shardCount,
            Seed: 0,
            Epochs: null,
            steps);

    /// <summary>One event of those possible now; any two numbers choose it.</summary>
    public void Step(int kind, int choice)
    {
        switch (kind % 12)
        {
            case 0 when _workers.Count < 12:
                Join();
                break;
            case 1 when HasWorkers:
                Lose(Pick([.. _workers.Keys], choice));
                break;
            case 2 when _watchedDeadlines.Count > 0:
                PassDeadline(Pick(_watchedDeadlines, choice));
                break;
            case 3 when _delivered.Count > 0:
                // The network says it twice, perhaps rounds later.
                Deliver(Pick(_delivered, choice));
                break;
            case 4:
                // Nobody asked for this.
                Deliver((choice % 20, _session.Round with { Version = _session.Round.Version + (choice % 3) - 1 }, new ShardRange(choice % 7, choice % 11), _lastLease));
                break;
            case 5 when _workers.Values.Where(worker => worker.Lease is not null).ToList() is { Count: > 0 } busy:
                Return(Pick(busy, choice));
                break;
            case 6:
                // A lease that is over, or never was.
                Apply(SessionEvent.LeaseReturned(_lastLease + 1 + (choice % 3)));
                break;
            default:
                if (_commitIsDue)
                {
                    Commit();
                }
                else if (_workers.Values.Where(worker => worker.Lease is not null).ToList() is { Count: > 0 } busy)
                {
                    Answer(Pick(busy, choice), choice);
                }

                break;
        }
    }

    /// <summary>
    /// Everybody stalls for ever but one worker, who answers. Each lease's deadline passes once. The run must come to its end.
    /// </summary>
    public void Drain(int choice)
    {
        while (_workers.Count == 0 || (_session.Round.ShardCount == 0 && !IsComplete))
        {
            Join();
        }

        var answering = _workers[Pick([.. _workers.Keys], choice)];
        for (var events = 0; !IsComplete; events++)
        {
            Assert.True(events < 100_000, $"The run hangs in {_session.Round} at [{string.Join(' ', _counted)}] with {_session.Awaited.Count()} awaited.");
            if (_commitIsDue)
            {
                Commit();
            }
            else if (answering.Lease is not null)
            {
                Answer(answering, events);
            }
            else
            {
                Assert.True(_watchedDeadlines.Count > 0, $"The run hangs in {_session.Round}: worker {answering.Id} is idle and nobody's deadline is to come.");
                PassDeadline(_watchedDeadlines[0]);
            }
        }

        Assert.Equal(_spec.TotalSteps, _session.StepsDone);
        Assert.True(_session.HasEnded);
        Assert.Empty(_expectedRounds);
    }

    private static T Pick<T>(List<T> list, int choice) => list[choice % list.Count];

    private static IEnumerable<Round> RoundsOf(RunSpec spec)
    {
        for (var step = 0L; step < spec.TotalSteps; step++)
        {
            yield return new Round(RoundKind.Training, step, spec.ShardCount);
            if ((step + 1) % spec.StepsPerEpoch == 0 || step + 1 == spec.TotalSteps)
            {
                yield return new Round(RoundKind.Evaluation, step + 1, spec.EvaluationShardCount);
            }
        }
    }

    private void Join()
    {
        var worker = new Worker(_nextWorker++);
        _workers.Add(worker.Id, worker);
        Apply(SessionEvent.WorkerJoined(worker.Id));
    }

    private void Lose(int worker)
    {
        _workers.Remove(worker);
        Apply(SessionEvent.WorkerLost(worker));
    }

    private void Return(Worker worker)
    {
        var lease = worker.Lease!.Value.Id;
        worker.Lease = null;
        worker.IsHeld = false;
        // It may have lost its parameters too.
        worker.Version = -1;
        Apply(SessionEvent.LeaseReturned(lease));
    }

    private void PassDeadline(long lease)
    {
        _watchedDeadlines.Remove(lease);
        Apply(SessionEvent.DeadlinePassed(lease));
    }

    /// <summary>One of the nodes that the worker has still to deliver, in any order.</summary>
    private void Answer(Worker worker, int choice)
    {
        var lease = worker.Lease!.Value;
        var node = Pick(worker.ToDeliver, choice);
        worker.ToDeliver.Remove(node);
        if (worker.ToDeliver.Count == 0)
        {
            worker.Lease = null;
        }

        _delivered.Add((worker.Id, lease.Round, node, lease.Id));
        Deliver(_delivered[^1]);
    }

    private void Deliver((int Worker, Round Round, ShardRange Node, long Lease) partial) =>
        Apply(SessionEvent.PartialArrived(partial.Worker, partial.Round, partial.Node, partial.Lease));

    private void Commit()
    {
        _commitIsDue = false;
        Apply(SessionEvent.StepCommitted());
    }

    private void Apply(SessionEvent occurred)
    {
        var answers = 0;
        foreach (var effect in _session.Apply(occurred))
        {
            Assert.False(IsComplete && effect.Kind != EffectKind.AnswerPartial, $"After its end the session wants {effect.Kind}.");
            switch (effect.Kind)
            {
                case EffectKind.SendParameters:
                    Assert.Equal(_session.StepsDone, effect.Round.Version);
                    Assert.NotEqual(effect.Round.Version, _workers[effect.Worker].Version);
                    _workers[effect.Worker].Version = effect.Round.Version;
                    break;
                case EffectKind.Lease:
                    TakeLease(effect.Lease);
                    break;
                case EffectKind.Revoke:
                    var revoked = _workers[effect.Worker];
                    Assert.True(revoked.LastLease == effect.Lease.Id, "A lease is revoked that is not the worker's last.");
                    revoked.Lease = null;
                    revoked.IsHeld = false;
                    break;
                case EffectKind.AnswerPartial:
                    answers++;
                    Judge(occurred, effect);
                    break;
                case EffectKind.CommitStep:
                    EndRound(effect.Round, RoundKind.Training);
                    _commitIsDue = true;
                    break;
                case EffectKind.CommitEvaluation:
                    EndRound(effect.Round, RoundKind.Evaluation);
                    break;
                case EffectKind.Complete:
                    IsComplete = true;
                    break;
                default:
                    Assert.Fail($"Unexpected {effect.Kind}.");
                    break;
            }
        }

        Assert.Equal(occurred.Kind == EventKind.PartialArrived ? 1 : 0, answers);
        Assert.Equal(_workers.Keys.Order(), _session.Workers.Order());
        AssertNobodyIdlesBesideOpenWork();
    }

    private void TakeLease(Lease lease)
    {
        Assert.True(_workers.TryGetValue(lease.Worker, out var worker), $"Lost worker {lease.Worker} gets {lease}.");
        Assert.False(_commitIsDue, "A lease was given while the parameters change.");
        Assert.True(lease.Id > _lastLease, "A lease's id is used again.");
        Assert.Equal(_session.Round, lease.Round);
        // Parameters first, then the lease.
        Assert.Equal(lease.Round.Version, worker!.Version);
        BeginRound(lease.Round);
        _lastLease = lease.Id;
        worker.LastLease = lease.Id;
        worker.Lease = lease;
        worker.IsHeld = true;
        worker.ToDeliver = [.. ReductionTree.Cover(lease.Round.ShardCount, lease.Range)];
        Assert.Contains(worker.ToDeliver, node => _counted.AsSpan(node.Start, node.Count).Contains(0));
        _watchedDeadlines.Add(lease.Id);
    }

    private void Judge(SessionEvent partial, SessionEffect answer)
    {
        Assert.Equal((partial.Worker, partial.Round, partial.Node), (answer.Worker, answer.Round, answer.Node));
        if (answer.Verdict != PartialVerdict.Counted)
        {
            return;
        }

        Assert.False(_commitIsDue, "A partial counts after its step.");
        BeginRound(partial.Round);
        for (var shard = partial.Node.Start; shard < partial.Node.End; shard++)
        {
            Assert.Equal(1, ++_counted[shard]);
        }

        foreach (var worker in _workers.Values.Where(worker => worker.IsHeld && worker.Range.Contains(partial.Node)))
        {
            worker.IsHeld &= ReductionTree.Cover(_counted.Length, worker.Range).Any(node => _counted[node.Start] == 0);
        }
    }

    private void BeginRound(Round round)
    {
        if (_counted.Length == 0)
        {
            Assert.Equal(_expectedRounds.Dequeue(), round);
            _counted = new int[round.ShardCount];
        }
    }

    private void EndRound(Round round, RoundKind kind)
    {
        Assert.Equal(kind, round.Kind);
        Assert.All(_counted, count => Assert.Equal(1, count));
        Assert.Equal(round.ShardCount, _counted.Length);
        _counted = [];
        foreach (var worker in _workers.Values)
        {
            worker.IsHeld = false;
        }
    }

    /// <summary>As long as a shard is neither counted nor in a lease of a living worker, nobody may be without a lease.</summary>
    private void AssertNobodyIdlesBesideOpenWork()
    {
        var held = new bool[_counted.Length];
        foreach (var worker in _workers.Values.Where(worker => worker.IsHeld))
        {
            for (var shard = worker.Range.Start; shard < worker.Range.End; shard++)
            {
                held[shard] = true;
            }
        }

        var isOpen = _counted.Where((count, shard) => count == 0 && !held[shard]).Any();
        Assert.False(isOpen && _session.Awaited.Count() < _workers.Count, $"Somebody idles beside open shards of {_session.Round}.");
    }

    private sealed class Worker(int id)
    {
        private Lease? _lease;

        public int Id { get; } = id;

        public long Version { get; set; } = -1;

        public long LastLease { get; set; }

        /// <summary>What it works on; null once it has delivered everything or was told to stop.</summary>
        public Lease? Lease
        {
            get => _lease;
            set
            {
                _lease = value;
                Range = value?.Range ?? Range;
            }
        }

        public ShardRange Range { get; private set; }

        /// <summary>Whether the lease's work is still open.</summary>
        public bool IsHeld { get; set; }

        public List<ShardRange> ToDeliver { get; set; } = [];
    }
}
