namespace DistTrain.Core.Training;

/// <summary>
/// What happens in a run, decided purely: events in, effects out; no clock, task, lock, randomness or I/O. The single process, the coordinator
/// and the fault simulation drive this same object and carry out its effects around it.
/// </summary>
/// <remarks>
/// A round's shards are cut once, when it begins, into one contiguous range per worker at hand. Only whole ranges are leased again, less the
/// nodes already counted, so every partial of the round is one of a fixed set of tree nodes and counting each once counts every sample once.
/// </remarks>
public sealed class TrainingSession
{
    private readonly RunSpec _spec;
    private readonly List<Member> _members = [];
    private readonly List<Piece> _pieces = [];
    private readonly List<SessionEffect> _effects = [];
    private Round _round;
    private int _openNodes;
    private long _nextLease = 1;
    private int _workersToStart;
    private State _state = State.WaitingForWorkers;

    /// <summary>A session at step 0.</summary>
    /// <param name="spec">What to train; validated.</param>
    /// <param name="workersToStart">The first round begins when this many workers have joined; at least 1.</param>
    public TrainingSession(RunSpec spec, int workersToStart = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workersToStart, 1);
        _spec = spec;
        _workersToStart = workersToStart;
    }

    private enum State
    {
        WaitingForWorkers,
        Computing,
        Committing,
        Ended,
    }

    /// <summary>The steps behind the current parameters.</summary>
    public long StepsDone { get; private set; }

    /// <summary>The round being computed; meaningless before the first has begun.</summary>
    public Round Round => _round;

    /// <summary>True after <see cref="EffectKind.Complete"/> or <see cref="EffectKind.Fail"/>.</summary>
    public bool HasEnded => _state == State.Ended;

    /// <summary>The workers that are members now, in the order they joined.</summary>
    public IEnumerable<int> Workers => _members.Select(member => member.Id);

    /// <summary>The workers that the round waits for.</summary>
    public IEnumerable<int> Awaited => _members.Where(member => member.Piece is not null).Select(member => member.Id);

    /// <summary>Takes one event and says what to do now. The result is valid until the next call.</summary>
    public IReadOnlyList<SessionEffect> Apply(in SessionEvent occurred)
    {
        _effects.Clear();
        switch (occurred.Kind)
        {
            case EventKind.WorkerJoined:
                Join(occurred.Worker);
                break;
            case EventKind.WorkerLost:
                Lose(occurred.Worker);
                break;
            case EventKind.WorkersExpected:
                Expect(occurred.Worker);
                break;
            case EventKind.PartialArrived:
                Arrive(occurred.Worker, occurred.Round, occurred.Node);
                break;
            case EventKind.DeadlinePassed:
                PassDeadline(occurred.LeaseId);
                break;
            case EventKind.LeaseReturned:
                Return(occurred.LeaseId);
                break;
            case EventKind.StepCommitted:
                Require(State.Committing, occurred.Kind);
                StepsDone++;
                BeginNextRound();
                break;
            case EventKind.StepRefused:
                Require(State.Committing, occurred.Kind);
                _state = State.Ended;
                _effects.Add(new SessionEffect(EffectKind.Fail, Round: _round, Reason: occurred.Reason));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(occurred), occurred.Kind, "Unknown event.");
        }

        return _effects;
    }

    private void Require(State state, EventKind kind)
    {
        if (_state != state)
        {
            throw new InvalidOperationException($"{kind} came while the session was {_state}.");
        }
    }

    private void Join(int worker)
    {
        if (_members.Exists(member => member.Id == worker))
        {
            throw new InvalidOperationException($"Worker {worker} is a member already.");
        }

        _members.Add(new Member(worker));
        if (_state == State.WaitingForWorkers && _members.Count >= _workersToStart)
        {
            BeginNextRound();
        }
        else
        {
            Assign();
        }
    }

    private void Expect(int workers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        _workersToStart = workers;
        if (_state == State.WaitingForWorkers && _members.Count >= workers)
        {
            BeginNextRound();
        }
    }

    private void Lose(int worker)
    {
        var index = _members.FindIndex(member => member.Id == worker);
        if (index < 0)
        {
            return;
        }

        _members[index].Piece?.Holders.Remove(worker);
        _members.RemoveAt(index);
        Assign();
    }

    private void Arrive(int worker, Round round, ShardRange node)
    {
        var verdict = Judge(round, node, out var piece);
        _effects.Add(new SessionEffect(EffectKind.AnswerPartial, worker, Round: round, Node: node, Verdict: verdict));
        if (verdict == PartialVerdict.Counted)
        {
            piece!.OpenNodes.Remove(node);
            _openNodes--;
        }

        if (piece is { OpenNodes.Count: 0 })
        {
            Release(piece, worker);
        }

        if (verdict == PartialVerdict.Counted && _openNodes == 0)
        {
            EndRound();
        }
        else
        {
            Assign();
        }
    }

    private PartialVerdict Judge(Round round, ShardRange node, out Piece? piece)
    {
        piece = null;
        if (_state != State.Computing || round != _round)
        {
            return PartialVerdict.Stale;
        }

        piece = _pieces.Find(candidate => candidate.Range.Contains(node));
        if (piece is null || !piece.AllNodes.Contains(node))
        {
            piece = null;
            return PartialVerdict.Malformed;
        }

        return piece.OpenNodes.Contains(node) ? PartialVerdict.Counted : PartialVerdict.Duplicate;
    }

    /// <summary>A finished piece frees everybody who held it; those who have not delivered it themselves are told.</summary>
    private void Release(Piece piece, int deliverer)
    {
        foreach (var member in _members)
        {
            if (member.Piece == piece)
            {
                if (member.Id != deliverer)
                {
                    _effects.Add(new SessionEffect(EffectKind.Revoke, member.Id, member.Lease));
                }

                member.Piece = null;
            }
        }

        piece.Holders.Clear();
    }

    private void PassDeadline(long leaseId)
    {
        var late = _members.Find(member => member.Piece is not null && member.Lease.Id == leaseId);
        if (late is not null)
        {
            late.IsLate = true;
            Assign();
        }
    }

    private void Return(long leaseId)
    {
        var member = _members.Find(candidate => candidate.Lease.Id == leaseId);
        if (member is null)
        {
            return;
        }

        // Whatever it was given may be what went wrong: it gets its parameters anew with its next lease. That holds too where others, or its own
        // earlier messages, have completed the piece meanwhile.
        member.Version = -1;
        member.Piece?.Holders.Remove(member.Id);
        member.Piece = null;
        Assign();
    }

    private void EndRound()
    {
        if (_round.Kind == RoundKind.Training)
        {
            _state = State.Committing;
            _effects.Add(new SessionEffect(EffectKind.CommitStep, Round: _round));
        }
        else
        {
            _effects.Add(new SessionEffect(EffectKind.CommitEvaluation, Round: _round));
            BeginNextRound();
        }
    }

    private void BeginNextRound()
    {
        var evaluated = _round.Kind == RoundKind.Evaluation && _round.Version == StepsDone;
        if (_spec.EvaluationIsDue(StepsDone) && !evaluated)
        {
            _round = new Round(RoundKind.Evaluation, StepsDone, _spec.EvaluationShardCount);
        }
        else if (StepsDone < _spec.TotalSteps)
        {
            _round = new Round(RoundKind.Training, StepsDone, _spec.ShardCount);
        }
        else
        {
            _state = State.Ended;
            _effects.Add(new SessionEffect(EffectKind.Complete, Round: _round));
            return;
        }

        _state = State.Computing;
        Cut();
        Assign();
    }

    /// <summary>Cuts the round into one range per worker at hand.</summary>
    private void Cut()
    {
        _pieces.Clear();
        _openNodes = 0;
        var count = Math.Clamp(_members.Count, 1, _round.ShardCount);
        for (var i = 0; i < count; i++)
        {
            var range = new ShardRange(ShardPlan.Start(i, count, _round.ShardCount), ShardPlan.Start(i + 1, count, _round.ShardCount));
            var piece = new Piece(range, ReductionTree.Cover(_round.ShardCount, range));
            _openNodes += piece.OpenNodes.Count;
            _pieces.Add(piece);
        }
    }

    /// <summary>Gives idle workers what nobody works on, then what everybody who works on it is late with.</summary>
    private void Assign()
    {
        if (_state != State.Computing)
        {
            return;
        }

        foreach (var member in _members)
        {
            if (member.Piece is not null)
            {
                continue;
            }

            var piece = _pieces.Find(candidate => candidate.OpenNodes.Count > 0 && candidate.Holders.Count == 0)
                ?? _pieces.Find(candidate => candidate.OpenNodes.Count > 0 && HasOnlyLateHolders(candidate));
            if (piece is null)
            {
                return;
            }

            Give(piece, member);
        }
    }

    /// <summary>
    /// Lateness is each holder's own: who takes over from a late one and is lost leaves only late ones behind, whose deadlines do not pass
    /// again.
    /// </summary>
    private bool HasOnlyLateHolders(Piece piece) => _members.TrueForAll(member => member.Piece != piece || member.IsLate);

    private void Give(Piece piece, Member member)
    {
        if (member.Version != _round.Version)
        {
            member.Version = _round.Version;
            _effects.Add(new SessionEffect(EffectKind.SendParameters, member.Id, Round: _round));
        }

        piece.Holders.Add(member.Id);
        member.Piece = piece;
        member.IsLate = false;
        member.Lease = new Lease(_nextLease++, member.Id, _round, piece.Remaining());
        _effects.Add(new SessionEffect(EffectKind.Lease, member.Id, member.Lease, _round));
    }

    private sealed class Member(int id)
    {
        public int Id { get; } = id;

        public long Version { get; set; } = -1;

        public Piece? Piece { get; set; }

        public Lease Lease { get; set; }

        /// <summary>Its lease's deadline has passed.</summary>
        public bool IsLate { get; set; }
    }

    private sealed class Piece(ShardRange range, IReadOnlyList<ShardRange> nodes)
    {
        public ShardRange Range { get; } = range;

        public IReadOnlyList<ShardRange> AllNodes { get; } = nodes;

        public List<ShardRange> OpenNodes { get; } = [.. nodes];

        public List<int> Holders { get; } = [];

        /// <summary>From the first open node to the last: nodes counted in between are computed again and answered as duplicates.</summary>
        public ShardRange Remaining() => new(OpenNodes[0].Start, OpenNodes[^1].End);
    }
}
