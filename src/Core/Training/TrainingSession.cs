using System.Diagnostics;

namespace DistTrain.Core.Training;

/// <summary>What a session is doing.</summary>
public enum SessionPhase
{
    /// <summary>It needs more workers before a round can begin.</summary>
    WaitingForWorkers,

    /// <summary>Somebody paused it.</summary>
    Paused,

    /// <summary>A round is being computed.</summary>
    Computing,

    /// <summary>The parameters are being updated.</summary>
    Committing,

    /// <summary>The last checkpoint is being written.</summary>
    Saving,

    /// <summary>It is over.</summary>
    Ended,
}

/// <summary>
/// What happens in a run, decided purely: events in, effects out; no clock, task, lock, randomness or I/O. The single process, the coordinator
/// and the fault simulation drive this same object and carry out its effects around it.
/// </summary>
public sealed class TrainingSession
{
    /// <summary>When so many workers crashed with a lease of the same shards in one round, it is the shards.</summary>
    private const int DeathsThatProve = 3;

    private readonly RunSpec _spec;
    private readonly SessionOptions _options;
    private readonly List<Member> _members = [];
    private readonly RoundBoard _board = new();
    private readonly List<SessionEffect> _effects = [];
    private readonly RangePlan _ranges = new();
    private Round _round;
    private long _nextLease = 1;
    private int _workersToStart;
    private bool _hasBegun;
    private bool _isPaused;
    private bool _isStopping;
    private bool _isStopUrgent;
    private long _evaluatedAt;
    private bool _saveIsDue;
    private long _savingAt = -1;
    private EffectKind _ending;

    /// <summary>A session at step 0, or where a checkpoint goes on.</summary>
    /// <param name="spec">What to train; validated.</param>
    /// <param name="options">How to deal with workers and checkpoints; null for the defaults.</param>
    /// <param name="stepsDone">The steps behind the parameters.</param>
    /// <param name="evaluatedAt">The steps behind the parameters that were evaluated last; −1 for none.</param>
    /// <param name="isSaved">Whether the checkpoint it goes on from is this run's own. Another's may vanish, and is not looked for: it is saved anew at once.</param>
    public TrainingSession(RunSpec spec, SessionOptions? options = null, long stepsDone = 0, long evaluatedAt = -1, bool isSaved = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(stepsDone);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stepsDone, spec.TotalSteps);
        _options = options ?? new SessionOptions();
        _options.Validate();
        _spec = spec;
        _workersToStart = _options.WorkersToStart;
        StepsDone = stepsDone;
        _evaluatedAt = evaluatedAt;
        SavedAt = stepsDone > 0 && isSaved ? stepsDone : -1;
        _saveIsDue = _options.Saves && stepsDone > 0 && !isSaved;
    }

    /// <summary>What it is doing.</summary>
    public SessionPhase Phase { get; private set; } = SessionPhase.WaitingForWorkers;

    /// <summary>The steps behind the current parameters.</summary>
    public long StepsDone { get; private set; }

    /// <summary>The steps behind the last durable checkpoint; −1 for none.</summary>
    public long SavedAt { get; private set; }

    /// <summary>The round being computed; meaningless before the first has begun.</summary>
    public Round Round => _round;

    /// <summary>True after <see cref="EffectKind.Complete"/>, <see cref="EffectKind.Stop"/> or <see cref="EffectKind.Fail"/>.</summary>
    public bool HasEnded => Phase == SessionPhase.Ended;

    /// <summary>The workers that are members now, in the order they joined.</summary>
    public IEnumerable<int> Workers => _members.Select(member => member.Id);

    /// <summary>The workers that the round waits for.</summary>
    public IEnumerable<int> Awaited => _members.Where(member => member.Piece is not null).Select(member => member.Id);

    /// <summary>How many workers a round needs to begin.</summary>
    public int WorkersNeeded => _hasBegun ? _options.MinimumWorkers : _workersToStart;

    /// <summary>Whether the round waits for a worker that has not computed a disputed or audited node yet, and there is none.</summary>
    public bool NeedsAnotherOpinion => Phase == SessionPhase.Computing && _members.Count > 0 && _members.TrueForAll(member => member.Piece is null);

    /// <summary>Whether a node of the current round is computed by two workers.</summary>
    public bool IsAudited(ShardRange node) => _board.Find(node) is { IsAudited: true };

    /// <summary>Takes one event and says what to do now. The result is valid until the next call.</summary>
    public IReadOnlyList<SessionEffect> Apply(in SessionEvent occurred)
    {
        _effects.Clear();
        switch (occurred.Kind)
        {
            case EventKind.WorkerJoined:
                Join(occurred.Worker, occurred.Name ?? Unnamed(occurred.Worker));
                break;
            case EventKind.WorkerLost:
                Lose(occurred.Worker, occurred.IsCrash);
                break;
            case EventKind.WorkersExpected:
                ArgumentOutOfRangeException.ThrowIfLessThan(occurred.Worker, 1);
                _workersToStart = occurred.Worker;
                break;
            case EventKind.PartialArrived:
                Arrive(occurred);
                break;
            case EventKind.DeadlinePassed:
                PassDeadline(occurred.LeaseId);
                break;
            case EventKind.LeaseReturned:
                Return(occurred.LeaseId);
                break;
            case EventKind.SpeedMeasured:
                MeasureSpeed(occurred.Worker, occurred.Speed);
                break;
            case EventKind.StepCommitted:
                Require(SessionPhase.Committing, occurred.Kind);
                StepsDone++;
                _saveIsDue |= _options.Saves && _options.CheckpointSteps > 0 && StepsDone % _options.CheckpointSteps == 0;
                GoOn();
                break;
            case EventKind.StepRefused:
                Require(SessionPhase.Committing, occurred.Kind);
                Fail(occurred.Reason!);
                break;
            case EventKind.SaveAsked:
                _saveIsDue = _options.Saves;
                break;
            case EventKind.CheckpointSaved:
                EndSave(occurred.Steps, failure: null, isFatal: false);
                break;
            case EventKind.CheckpointFailed:
                EndSave(occurred.Steps, occurred.Reason, occurred.IsFatal);
                break;
            case EventKind.PauseAsked:
                _isPaused = true;
                break;
            case EventKind.ResumeAsked:
                _isPaused = false;
                break;
            case EventKind.StopAsked:
                _isStopping = true;
                break;
            case EventKind.StopUrged:
                _isStopping = _isStopUrgent = true;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(occurred), occurred.Kind, "Unknown event.");
        }

        FollowUp();
        return _effects;
    }

    /// <summary>What may follow from any event: a round that waited begins, idle workers get work, a stop takes effect.</summary>
    private void FollowUp()
    {
        if (Phase == SessionPhase.Computing)
        {
            if (_isStopping && (_isStopUrgent || _round.Kind == RoundKind.Evaluation || !_members.Exists(member => member.Piece is not null)))
            {
                Abandon();
            }
            else
            {
                Assign();
                SaveIfNobodyComputes();
            }
        }
        else if (Phase is SessionPhase.WaitingForWorkers or SessionPhase.Paused)
        {
            GoOn();
        }
    }

    private void Require(SessionPhase phase, EventKind kind)
    {
        if (Phase != phase)
        {
            throw new InvalidOperationException($"{kind} came while the session was {Phase}.");
        }
    }

    private void Fail(string reason)
    {
        Phase = SessionPhase.Ended;
        _effects.Add(new SessionEffect(EffectKind.Fail, Round: _round, Reason: reason));
    }

    private void Join(int worker, string name)
    {
        if (MemberOf(worker) is not null)
        {
            throw new InvalidOperationException($"Worker {worker} is a member already.");
        }

        _members.Add(new Member(worker, name));
        _ranges.Forget();
    }

    private void Lose(int worker, bool isCrash)
    {
        if (MemberOf(worker) is { } lost)
        {
            Remove(lost, isCrash);
        }
    }

    private void Remove(Member lost, bool isCrash)
    {
        var piece = lost.Piece;
        _board.Free(lost);
        _members.Remove(lost);
        _ranges.Forget();
        if (!isCrash || piece is null || Phase != SessionPhase.Computing || lost.Lease.Id < piece.ProvingFrom || piece.Deaths.Contains(lost.Name))
        {
            return;
        }

        piece.Deaths.Add(lost.Name);
        piece.ProvingFrom = _nextLease;
        if (piece.Deaths.Count >= DeathsThatProve)
        {
            Fail($"{Name(_round)}: whoever computes shards {piece.Range} dies: {string.Join(", ", piece.Deaths)}. The parameters before it are unharmed; "
                + "the workers' own logs say why they ended.");
        }
    }

    private void MeasureSpeed(int worker, WorkerSpeed speed)
    {
        if (MemberOf(worker) is { } member)
        {
            member.Speed = speed;
            _ranges.Reconsider();
        }
    }

    private void Arrive(in SessionEvent arrived)
    {
        var (worker, leaseId) = (arrived.Worker, arrived.LeaseId);
        var node = Phase == SessionPhase.Computing && arrived.Round == _round ? _board.Find(arrived.Node) : null;
        var verdict = Judge(arrived, node);
        _effects.Add(new SessionEffect(EffectKind.AnswerPartial, worker, Round: arrived.Round, Node: arrived.Node, Verdict: verdict));
        if (node is null)
        {
            return;
        }

        // What it says once more of an earlier lease leaves the present one to be computed.
        if (MemberOf(worker) is { } deliverer && (verdict != PartialVerdict.Duplicate || deliverer.Lease.Id == leaseId))
        {
            _board.Deliver(deliverer, node);
        }

        if (verdict == PartialVerdict.Duplicate)
        {
            return;
        }

        _board.Hear(node, new Opinion(worker, NameOf(worker), leaseId, arrived.IsFinite, arrived.Fingerprint));
        var (agreement, chosen) = OpinionRules.Judge(node.Opinions, node.IsAudited);
        switch (agreement)
        {
            case Agreement.Settled:
                Settle(node, node.Opinions[chosen]);
                break;
            case Agreement.NotFinite:
                Fail($"{Name(_round)}: the loss or the gradient is not finite: shards {node.Range}, computed twice. The parameters before it are unharmed; "
                    + "a smaller learning rate is the usual cure.");
                break;
        }
    }

    private PartialVerdict Judge(in SessionEvent arrived, BoardNode? node)
    {
        if (Phase != SessionPhase.Computing || arrived.Round != _round)
        {
            return PartialVerdict.Stale;
        }

        if (node is null)
        {
            return PartialVerdict.Malformed;
        }

        if (node.IsSettled || (node.HasOpinionOf(NameOf(arrived.Worker)) && node.RepeatLease != arrived.LeaseId))
        {
            return PartialVerdict.Duplicate;
        }

        return !arrived.IsFinite ? PartialVerdict.NotFinite
            : node.IsAudited ? PartialVerdict.Held
            : PartialVerdict.Counted;
    }

    /// <summary>A node is known. Who said otherwise is wrong; who still works on it is told.</summary>
    private void Settle(BoardNode node, Opinion believed)
    {
        _board.Settle(node);
        if (node.IsAudited)
        {
            _effects.Add(new SessionEffect(EffectKind.Settle, believed.Worker, Round: _round, Node: node.Range));
        }

        foreach (var opinion in node.Opinions)
        {
            if (OpinionRules.Differs(believed, opinion) && (node.IsAudited || !opinion.IsFinite))
            {
                Condemn(opinion, believed, node);
            }
        }

        foreach (var member in _members)
        {
            if (member.Piece is not null && member.Owed.TrueForAll(owed => owed.IsSettled))
            {
                _board.Free(member);
                _effects.Add(new SessionEffect(EffectKind.Revoke, member.Id, member.Lease));
            }
        }

        if (_board.OpenNodes == 0)
        {
            EndRound();
        }
    }

    /// <summary>The only worker left is not sent away for what it has put right itself.</summary>
    private void Condemn(Opinion wrong, Opinion believed, BoardNode node)
    {
        if (wrong.Name == believed.Name || _members.Find(member => member.Name == wrong.Name) is not { } member)
        {
            return;
        }

        var what = wrong.IsFinite ? "bits that two others disprove" : "NaN or infinity, which another worker's computation disproves";
        _effects.Add(new SessionEffect(
            wrong.IsFinite ? EffectKind.Evict : EffectKind.Quarantine,
            member.Id,
            Round: _round,
            Node: node.Range,
            Reason: $"for shards {node.Range} of {Name(_round)} it sent {what}"));
        Remove(member, isCrash: false);
    }

    private void PassDeadline(long leaseId)
    {
        if (_members.Find(member => member.Piece is not null && member.Lease.Id == leaseId) is { } late)
        {
            _board.BeLate(late);
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
        _board.Free(member);
    }

    private void EndRound()
    {
        if (_round.Kind == RoundKind.Training)
        {
            Phase = SessionPhase.Committing;
            _effects.Add(new SessionEffect(EffectKind.CommitStep, Round: _round));
        }
        else
        {
            _evaluatedAt = _round.Version;
            _effects.Add(new SessionEffect(EffectKind.CommitEvaluation, Round: _round));
            GoOn();
        }
    }

    /// <summary>The round is given up: its parameters were not changed, so nothing is lost but the work.</summary>
    private void Abandon()
    {
        foreach (var member in _members)
        {
            if (member.Piece is not null)
            {
                _board.Free(member);
                _effects.Add(new SessionEffect(EffectKind.Revoke, member.Id, member.Lease));
            }
        }

        GoOn();
    }

    /// <summary>Between two rounds: saves if that is due, and begins the next round, ends or waits.</summary>
    private void GoOn()
    {
        SaveIfDue();
        if (_isStopping)
        {
            End(EffectKind.Stop);
        }
        else if (NextRound() is not { } next)
        {
            End(EffectKind.Complete);
        }
        else if (_isPaused)
        {
            Phase = SessionPhase.Paused;
        }
        else if (_members.Count < WorkersNeeded)
        {
            Phase = SessionPhase.WaitingForWorkers;
        }
        else
        {
            Begin(next);
        }
    }

    private Round? NextRound() =>
        _spec.EvaluationIsDue(StepsDone) && _evaluatedAt != StepsDone ? new Round(RoundKind.Evaluation, StepsDone, _spec.EvaluationShardCount)
        : StepsDone < _spec.TotalSteps ? new Round(RoundKind.Training, StepsDone, _spec.ShardCount)
        : null;

    private void Begin(Round round)
    {
        _hasBegun = true;
        _round = round;
        Phase = SessionPhase.Computing;
        _board.Begin(round, _ranges.For(round.ShardCount, _members), _members, _spec.Seed, _options.AuditShare);
        Assign(onlyTheirOwn: true);
        Assign();
    }

    /// <summary>Gives idle workers what they can do.</summary>
    private void Assign(bool onlyTheirOwn = false)
    {
        foreach (var member in _members)
        {
            if (member.Piece is null && _board.WorkFor(member, _members, onlyTheirOwn) is { } piece)
            {
                Give(piece, member);
            }
        }
    }

    private void Give(Piece piece, Member member)
    {
        if (member.Version != _round.Version)
        {
            member.Version = _round.Version;
            _effects.Add(new SessionEffect(EffectKind.SendParameters, member.Id, Round: _round));
        }

        var id = _nextLease++;
        member.Lease = new Lease(id, member.Id, _round, _board.Give(piece, member, _members, id));
        _effects.Add(new SessionEffect(EffectKind.Lease, member.Id, member.Lease, _round));
    }

    private void SaveIfDue()
    {
        if (_saveIsDue && _savingAt < 0)
        {
            _saveIsDue = false;
            Save();
        }
    }

    /// <summary>A round that waits for workers may wait for long, and its parameters are still those of the step before: whoever wants them saved need not wait too.</summary>
    private void SaveIfNobodyComputes()
    {
        if (_saveIsDue && Phase == SessionPhase.Computing && !_members.Exists(member => member.Piece is not null))
        {
            SaveIfDue();
        }
    }

    private void Save()
    {
        if (StepsDone != SavedAt)
        {
            _savingAt = StepsDone;
            _effects.Add(new SessionEffect(EffectKind.SaveCheckpoint, Round: _round));
        }
    }

    private void EndSave(long steps, string? failure, bool isFatal)
    {
        if (_savingAt != steps)
        {
            throw new InvalidOperationException($"No checkpoint of step {steps} was asked for.");
        }

        _savingAt = -1;
        SavedAt = failure is null ? steps : SavedAt;
        if (isFatal)
        {
            Fail(failure!);
            return;
        }

        if (Phase != SessionPhase.Saving)
        {
            return;
        }

        if (failure is null || steps != StepsDone)
        {
            End(_ending);
        }
        else if (_ending == EffectKind.Complete)
        {
            // The result itself is not in danger: it is written by whoever carries out the completion.
            Conclude(EffectKind.Complete);
        }
        else
        {
            Fail($"The run was asked to stop, but its state after step {steps} could not be saved: {failure} "
                + (SavedAt < 0 ? "There is no checkpoint." : $"The last checkpoint is that after step {SavedAt}."));
        }
    }

    /// <summary>Ends with a checkpoint of this moment, if there is to be one: after the save that is in flight, if one is.</summary>
    private void End(EffectKind how)
    {
        _ending = how;
        Phase = SessionPhase.Saving;
        if (_options.Saves && _savingAt < 0)
        {
            Save();
        }

        if (_savingAt < 0)
        {
            Conclude(how);
        }
    }

    private void Conclude(EffectKind how)
    {
        Debug.Assert(how is EffectKind.Complete or EffectKind.Stop, "A run ends by completing or stopping.");
        Phase = SessionPhase.Ended;
        _effects.Add(new SessionEffect(how, Round: _round));
    }

    private string NameOf(int worker) => MemberOf(worker)?.Name ?? Unnamed(worker);

    private Member? MemberOf(int worker)
    {
        // A loop, not a lambda: this runs several times a step, and a step allocates nothing.
        foreach (var member in _members)
        {
            if (member.Id == worker)
            {
                return member;
            }
        }

        return null;
    }

    private static string Unnamed(int worker) => FormattableString.Invariant($"worker {worker}");

    private static string Name(Round round) =>
        round.Kind == RoundKind.Training ? FormattableString.Invariant($"Step {round.Version}") : FormattableString.Invariant($"The evaluation after step {round.Version}");
}
