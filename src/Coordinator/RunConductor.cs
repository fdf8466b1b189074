using System.Diagnostics.CodeAnalysis;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Coordinator;

/// <summary>What a conductor works with.</summary>
/// <param name="Spec">What to train.</param>
/// <param name="Options">How to deal with workers.</param>
/// <param name="Incarnation">Which coordinator this is.</param>
/// <param name="From">Where to go on; null for step 0. Read at once.</param>
/// <param name="Recorder">Told what to keep; null keeps nothing.</param>
/// <param name="Observer">Told what the training does; may be null.</param>
/// <param name="ClusterObserver">Told what happens to workers; may be null.</param>
/// <param name="Log">Where logs go.</param>
/// <param name="Time">Where time comes from.</param>
/// <param name="Segment">The memory shared with workers on this host, which lives at least as long as the conductor; null for none.</param>
internal sealed record ConductorSetup(
    RunSpec Spec, CoordinatorOptions Options, ulong Incarnation, TrainingSnapshot? From, IRunRecorder? Recorder,
    ITrainingObserver? Observer, IClusterObserver? ClusterObserver, ILogger Log, TimeProvider Time, RunSegment? Segment = null);

/// <summary>
/// Turns what the run is told into the session's events and carries out the session's effects; it alone touches session, state and membership.
/// Synchronous: one input, then everything that follows from it. Numbers in comments are steps of docs/protocol.md.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The state passes to whoever takes the result, or is disposed of by the run that owns the conductor.")]
internal sealed class RunConductor : IRunFacts
{
    private const int MaximumReturnsInRow = 16;

    /// <summary>Fewer than the clock counts at most, and no more than a silent worker is noticed early.</summary>
    private const int TicksOfIdleTick = 3;

    /// <summary>Parameters from which on more than one thread sums and updates: while that is done the workers on this host wait, and their processors are free.</summary>
    private const int LongLength = 1 << 18;

    /// <summary>Summing and updating are bound by memory: more threads than these add nothing.</summary>
    private const int MostThreads = 4;

    private readonly ConductorSetup _setup;
    private readonly CoordinatorOptions _options;
    private readonly IClusterObserver? _clusterObserver;
    private readonly ILogger _log;
    private readonly TrainingSession _session;
    private readonly ParametersBroadcast _broadcast;
    private readonly Queue<SessionEvent> _events = new();
    private readonly Queue<(WorkerConnection Connection, string Reason)> _broken = new();
    private readonly List<ShardRange> _granted = [];
    private readonly PendingReplies _pending = new();
    private readonly TimeSpan _tickLength;
    private readonly RunningClock _clock;
    private readonly RoundTimes _times;
    private readonly WaitingReports _waiting;
    private readonly Stragglers _stragglers;
    private readonly Roster _roster;
    private readonly RunReports _reports;
    private readonly SharedMemoryHost _memory;
    private readonly ThreadTeam? _team;
    private readonly StepAccounts _accounts;
    private RoundBox? _current;
    private (long LeaseId, Partial Partial) _arriving;
    private TimeSpan _savedAt;
    private TimeSpan? _stopAskedAt;
    private string? _savedPath;
    private int _workersToStart;
    private long _evaluationAnnounced = -1;

    public RunConductor(ConductorSetup setup)
    {
        _setup = setup;
        _options = setup.Options;
        _clusterObserver = setup.ClusterObserver;
        _log = setup.Log;
        _workersToStart = _options.WorkersToStart;
        if (setup.Spec.Model.ParameterLayout().Length >= LongLength && Environment.ProcessorCount > 1)
        {
            _team = new ThreadTeam(Math.Min(Environment.ProcessorCount, MostThreads));
        }

        State = new TrainingState(setup.Spec, VectorKernels.Best, setup.From, setup.Segment?.ParameterBuffer(), _team);
        _session = new TrainingSession(
            setup.Spec,
            new SessionOptions(_workersToStart, _options.MinimumWorkers, _options.AuditShare, setup.Recorder is not null, _options.CheckpointSteps),
            State.StepsDone,
            State.EvaluatedAt,
            setup.Recorder?.Holds(State.StepsDone) ?? true);
        setup.Recorder?.Begin(State);
        _memory = new SharedMemoryHost(setup.Segment, setup.Spec, _log);
        _broadcast = new ParametersBroadcast(setup.Incarnation);
        _tickLength = RunningClock.TickLengthFor(_options.DeadTime);
        _clock = new RunningClock(setup.Time, _tickLength);
        _times = new RoundTimes(_options.LeaseDeadline);
        _waiting = new WaitingReports(_options);
        _stragglers = new Stragglers(setup.Time);
        _accounts = new StepAccounts(setup.Time.TimestampFrequency, Timestamp());
        Quarantine = new Quarantine(setup.Time);
        _roster = new Roster(setup, _stragglers, Quarantine);
        _reports = new RunReports(setup, _session, _roster.Connections, _stragglers);
    }

    /// <summary>After what time the next <see cref="RunInput.Tick"/> is to come: while nobody computes there are no leases that could be late.</summary>
    public TimeSpan TickLength => _session.Phase == SessionPhase.Computing ? _tickLength : _tickLength * TicksOfIdleTick;

    /// <summary>The numbers of the run.</summary>
    public TrainingState State { get; }

    /// <inheritdoc/>
    public ulong Incarnation => _setup.Incarnation;

    /// <inheritdoc/>
    public int ParameterCount => State.Parameters.Layout.Length;

    /// <inheritdoc/>
    public PartialPools Pools => State.Pools;

    /// <inheritdoc/>
    public bool IsAuditing => _options.AuditShare > 0;

    /// <inheritdoc/>
    public TimeProvider Time => _setup.Time;

    /// <inheritdoc/>
    public bool IsFinite(Partial partial) => State.IsFinite(partial);

    /// <summary>Who may not come back; for any thread.</summary>
    public Quarantine Quarantine { get; }

    /// <inheritdoc/>
    public Round? CurrentRound => Volatile.Read(ref _current)?.Round;

    /// <summary>Whether the run is over.</summary>
    public bool HasEnded => _session.HasEnded;

    /// <summary>Everybody attached.</summary>
    public IEnumerable<WorkerConnection> Connections => _roster.Connections.Values;

    /// <summary>Before the first input: a run that has done all its steps ends here, and needs no workers.</summary>
    public void Begin()
    {
        Apply(SessionEvent.WorkersExpected(_workersToStart));
        Drain();
    }

    /// <summary>Takes one input and does everything that follows from it.</summary>
    /// <exception cref="TrainingFailedException">The run cannot go on.</exception>
    /// <exception cref="NotEnoughWorkersException">It has waited for workers as long as it may.</exception>
    /// <exception cref="OperationCanceledException">It was stopped; <see cref="RunStoppedException"/> if it goes on from a checkpoint.</exception>
    public void Take(RunInput input)
    {
        switch (input)
        {
            case RunInput.Attached(var connection):
                _roster.Attach(connection, _clock.Now);
                break;
            case RunInput.Ready(var connection, var nonce) when _roster.Connections.ContainsKey(connection.Info.Id):
                Join(connection, nonce);
                break;
            case RunInput.PartialArrived arrived:
                Arrive(arrived);
                break;
            case RunInput.LeaseReturned(var connection, var leaseId, var reason) when connection.IsMember:
                Return(connection, leaseId, reason);
                break;
            case RunInput.Left(var connection, var reason, var inOrder):
                // What it has said in shared memory came before its goodbye.
                TakeShared(connection);
                Lose(connection, reason, inOrder ? Loss.Left : Loss.Crashed);
                break;
            case RunInput.Refused(var peer, var reason):
                _roster.Refuse(peer, reason);
                break;
            case RunInput.WorkersExpected(var count):
                // The lowest number counts: two deaths may be told in either order.
                _workersToStart = Math.Min(_workersToStart, count);
                Apply(SessionEvent.WorkersExpected(_workersToStart));
                break;
            case RunInput.Saved(var result):
                _savedPath = result.Path ?? _savedPath;
                _pending.Saved(result.StepsDone, result.Failure, result.Path);
                Apply(result.ToEvent());
                break;
            case RunInput.Control(var verb, var reply):
                Control(verb, reply);
                break;
            case RunInput.Status(var reply):
                reply.TrySetResult(_reports.Status(_clock.Now, RoundTook));
                break;
            case RunInput.Tick:
                Tick();
                break;
            case RunInput.Abort:
                throw new OperationCanceledException("The run was stopped.");
        }

        Drain();
        _waiting.Observe(_clock.Now, _reports.IsShortOfWorkers || _session.NeedsAnotherOpinion);
    }

    /// <summary>Takes everything that workers on this host have said in shared memory.</summary>
    /// <returns>Whether there was anything.</returns>
    public bool TakeShared()
    {
        var any = false;
        // Whoever joins or is lost meanwhile changes the roster: at most one round is computed by those of a moment before.
        foreach (var connection in _roster.Sharing)
        {
            any |= TakeShared(connection);
        }

        return any;
    }

    private bool TakeShared(WorkerConnection connection)
    {
        var any = false;
        while (!HasEnded && connection.Shared?.Take(this) is { } input)
        {
            any = true;
            Take(input);
        }

        return any;
    }

    /// <summary>Answers who still waits for an answer, and lets go of the state.</summary>
    public void End(Exception? failure)
    {
        _pending.Ended(State.StepsDone, failure is OperationCanceledException, failure is RunStoppedException);
        _roster.StopSharing();
        _team?.Dispose();
        _broadcast.End();
    }

    private TimeSpan RoundTook => _clock.Now - _times.Since;

    /// <summary>Does what effects brought about, until there is nothing left.</summary>
    private void Drain()
    {
        while (true)
        {
            if (_events.TryDequeue(out var occurred))
            {
                Apply(occurred);
            }
            else if (_broken.TryDequeue(out var broken))
            {
                Lose(broken.Connection, broken.Reason, Loss.Crashed);
            }
            else
            {
                return;
            }
        }
    }

    private void Apply(in SessionEvent occurred)
    {
        foreach (var effect in _session.Apply(occurred))
        {
            CarryOut(effect);
        }
    }

    private void CarryOut(in SessionEffect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.SendParameters:
                // (3.1)
                SendParameters(effect);
                break;
            case EffectKind.Lease:
                Grant(effect.Lease);
                break;
            case EffectKind.Revoke:
                // (3.3)
                _stragglers.Revoked(effect.Worker);
                _roster.Connections[effect.Worker].Revoke(effect.Lease.Id);
                break;
            case EffectKind.AnswerPartial:
                Answer(effect);
                break;
            case EffectKind.Settle:
                State.Settle(effect.Round.Kind, effect.Worker, effect.Node);
                Record(effect);
                break;
            case EffectKind.Quarantine or EffectKind.Evict:
                var condemned = _roster.Connections[effect.Worker];
                _roster.Condemn(condemned, effect.Reason!, isForGood: effect.Kind == EffectKind.Evict);
                _broken.Enqueue((condemned, effect.Reason!));
                break;
            case EffectKind.CommitStep:
                CommitStep(effect.Round.Version);
                break;
            case EffectKind.CommitEvaluation:
                State.CommitEvaluation();
                _stragglers.PauseEnded();
                _accounts.Restart(Timestamp());
                _setup.Observer?.EvaluationDone(effect.Round.Version, State);
                break;
            case EffectKind.SaveCheckpoint:
                _setup.Recorder!.BeginSave(State);
                break;
            case EffectKind.Stop:
                throw _setup.Recorder is null ? new OperationCanceledException("The run was stopped.") : new RunStoppedException(State.StepsDone);
            case EffectKind.Fail:
                throw new TrainingFailedException(effect.Reason!);
        }
    }

    private void CommitStep(long step)
    {
        _broadcast.Leave(_roster.Connections.Values);
        var complete = Timestamp();
        var outcome = State.CommitStep(step, _team);
        _events.Enqueue(outcome);
        if (outcome.Kind == EventKind.StepCommitted)
        {
            _setup.Recorder?.StepDone(State);
            var split = _accounts.Committed(complete, Timestamp());
            _setup.Observer?.StepMeasured(step + 1, split);
            _setup.Observer?.StepDone(step + 1, State);
        }

        if (_stragglers.StepEnded())
        {
            LookAtSpeeds();
        }
    }

    /// <summary>The next rounds' ranges follow what was measured; who is much slower than the others is named when it changes.</summary>
    private void LookAtSpeeds()
    {
        foreach (var speed in _stragglers.Speeds())
        {
            _events.Enqueue(speed);
        }

        _roster.NameSlowest();
    }

    private void Join(WorkerConnection connection, ReadOnlyMemory<byte> nonce)
    {
        _memory.Share(connection, nonce.Span);
        if (_session.Phase == SessionPhase.WaitingForWorkers)
        {
            // Nor is a wait for workers.
            _accounts.Restart(Timestamp());
        }

        _roster.Join(connection);
        Apply(SessionEvent.WorkerJoined(connection.Info.Id, connection.Info.Name));
    }

    /// <summary>(5.1) Whatever ends a connection ends here, once; its leases go to others.</summary>
    private void Lose(WorkerConnection connection, string reason, Loss loss)
    {
        if (_roster.Remove(connection, reason, loss))
        {
            Apply(SessionEvent.WorkerLost(connection.Info.Id, isCrash: loss == Loss.Crashed));
        }
    }

    private long Timestamp() => Time.GetTimestamp();

    /// <summary>(3.1) Sends parameters; the first worker's are made into messages, which the others share.</summary>
    private void SendParameters(in SessionEffect effect)
    {
        var connection = _roster.Connections[effect.Worker];
        if (connection.Shared is not null)
        {
            // It reads them where they are.
            return;
        }

        var began = Timestamp();
        _accounts.Begin(began);
        var messages = _broadcast.Messages(effect.Round.Version, State);
        _accounts.MessagesMade(Timestamp() - began);
        connection.Outbox.SendParameters(messages);
    }

    /// <summary>(3.2) Grants a lease.</summary>
    private void Grant(in Lease lease)
    {
        _accounts.Begin(Timestamp());
        var connection = _roster.Connections[lease.Worker];
        if (_current?.Round != lease.Round)
        {
            BeginRound(lease.Round);
        }

        connection.Lease = lease;
        connection.Deadlines!.LeaseGranted(_clock.Now);
        _stragglers.Granted(lease);
        connection.Grant(new LeaseGranted
        {
            LeaseId = (ulong)lease.Id,
            Kind = Rounds.ToWire(lease.Round.Kind),
            Version = (ulong)lease.Round.Version,
            ShardCount = (uint)lease.Round.ShardCount,
            FirstShard = (uint)lease.Range.Start,
            EndShard = (uint)lease.Range.End,
        });

        var range = lease.Range;
        if (_options.AuditShare == 0 && _granted.Exists(earlier => earlier.Start < range.End && range.Start < earlier.End))
        {
            _roster.Reissued(lease);
        }

        _granted.Add(lease.Range);
    }

    private void BeginRound(Round round)
    {
        _times.Begin(_clock.Now, round.Kind);
        _waiting.RoundBegan(_clock.Now);
        _granted.Clear();
        Volatile.Write(ref _current, new RoundBox(round));
        if (round.Kind == RoundKind.Evaluation && round.Version != _evaluationAnnounced)
        {
            _evaluationAnnounced = round.Version;
            _setup.Observer?.EvaluationStarted(round.Version);
        }
    }

    private void Arrive(RunInput.PartialArrived arrived)
    {
        var connection = arrived.Connection;
        if (!connection.IsMember)
        {
            // Lost meanwhile: its shards are somebody else's already.
            State.Pools.For(arrived.Round.Kind).Return(arrived.Partial);
            return;
        }

        _arriving = (arrived.LeaseId, arrived.Partial);
        _stragglers.Arrived(connection.Info.Id, arrived.LeaseId, arrived.ComputeTime);
        _roster.Delivered(connection);
        if (arrived.Round is { Kind: RoundKind.Training } && arrived.Round == CurrentRound)
        {
            _accounts.Received(connection.Info.Id, arrived.Receipt, (long)(arrived.ComputeTime.TotalSeconds * _setup.Time.TimestampFrequency));
        }

        if (connection.Lease is { } lease && lease.Id == arrived.LeaseId)
        {
            _times.Delivered(lease.Round.Kind, connection.Deadlines!.SinceGranted(_clock.Now));
        }

        Apply(SessionEvent.PartialArrived(
            connection.Info.Id, arrived.Round, arrived.Partial.Node, arrived.LeaseId, arrived.IsFinite, arrived.Fingerprint));
    }

    /// <summary>(4.3) Answers the partial that is arriving, and counts it, holds it or drops it.</summary>
    private void Answer(in SessionEffect effect)
    {
        var (leaseId, partial) = _arriving;
        _arriving = default;
        var connection = _roster.Connections[effect.Worker];
        switch (effect.Verdict)
        {
            case PartialVerdict.Counted:
                var began = Timestamp();
                State.Add(effect.Round.Kind, partial);
                _accounts.Summed(began, Timestamp());
                Record(effect);
                break;
            case PartialVerdict.Held:
                State.Hold(effect.Round.Kind, effect.Worker, partial);
                break;
            default:
                State.Pools.For(effect.Round.Kind).Return(partial);
                Log.NotCounted(_log, effect.Node, effect.Round.Kind, effect.Round.Version, connection.Info, effect.Verdict);
                break;
        }

        if (effect.Verdict == PartialVerdict.NotFinite)
        {
            Log.NotFinite(_log, effect.Node, effect.Round.Kind, effect.Round.Version, connection.Info);
        }

        if (effect.Verdict == PartialVerdict.Malformed)
        {
            _broken.Enqueue((connection, $"it delivered node {effect.Node}, which nobody asked for"));
            return;
        }

        connection.Answer(new PartialAnswer
        {
            LeaseId = (ulong)leaseId,
            FirstShard = (uint)effect.Node.Start,
            EndShard = (uint)effect.Node.End,
            Verdict = effect.Verdict switch
            {
                PartialVerdict.Counted => Verdict.Counted,
                PartialVerdict.Held => Verdict.Held,
                PartialVerdict.NotFinite => Verdict.NotFinite,
                PartialVerdict.Duplicate => Verdict.Duplicate,
                _ => Verdict.Stale,
            },
        });
    }

    private void Record(in SessionEffect counted)
    {
        if (counted.Round.Kind == RoundKind.Training)
        {
            _setup.Recorder?.Count(counted.Round.Version, counted.Node, counted.Worker);
        }
    }

    /// <summary>(4.4) A lease is open again.</summary>
    private void Return(WorkerConnection connection, long leaseId, string reason)
    {
        Log.LeaseReturned(_log, leaseId, connection.Info, reason);
        _stragglers.Returned(connection.Info.Id);
        if (++connection.ReturnsInRow > MaximumReturnsInRow)
        {
            Lose(connection, $"{MaximumReturnsInRow} leases in a row came to nothing; the last: {reason}", Loss.Crashed);
            return;
        }

        // Whoever names another's lease frees nothing.
        if (connection.Lease?.Id == leaseId)
        {
            Apply(SessionEvent.LeaseReturned(leaseId));
        }
    }

    private void Control(ControlVerb verb, TaskCompletionSource<ControlReply> reply)
    {
        Log.Control(_log, verb);
        switch (verb)
        {
            case ControlVerb.Checkpoint when _setup.Recorder is null:
                reply.TrySetResult(new ControlReply(State.StepsDone, "this run keeps no checkpoints"));
                break;
            case ControlVerb.Checkpoint when _session.SavedAt == State.StepsDone:
                reply.TrySetResult(new ControlReply(State.StepsDone, null, _savedPath));
                break;
            case ControlVerb.Checkpoint:
                _pending.AwaitSave(State.StepsDone, reply);
                Apply(SessionEvent.SaveAsked());
                break;
            case ControlVerb.Stop:
                _pending.AwaitStop(reply);
                _stopAskedAt ??= _clock.Now;
                Apply(SessionEvent.StopAsked());
                break;
            default:
                if (_session.Phase == SessionPhase.Paused)
                {
                    // A pause is nobody's work.
                    _accounts.Restart(Timestamp());
                }

                Apply(verb == ControlVerb.Pause ? SessionEvent.PauseAsked() : SessionEvent.ResumeAsked());
                reply.TrySetResult(new ControlReply(State.StepsDone, null));
                break;
        }
    }

    /// <summary>(5.2) to (5.5): everything that time brings about.</summary>
    private void Tick()
    {
        _clock.Tick();
        if (_clock.Lag > _options.DeadTime / 2)
        {
            Log.Lagging(_log, _clock.Lag.TotalSeconds);
        }

        foreach (var connection in _roster.Connections.Values.ToArray())
        {
            var deadlines = connection.Deadlines!;
            deadlines.Observe(_clock.Now, connection.TakeHeard(), connection.Outbox.Writing);
            var doomed = connection.Outbox.IsOverfull
                ? "it does not read what it is sent, and too much waits for it"
                : deadlines.Doomed(_clock.Now, connection.IsMember && _session.Awaited.Contains(connection.Info.Id));
            if (doomed is { } reason)
            {
                Lose(connection, reason, Loss.Crashed);
            }
        }

        if (_stopAskedAt is { } asked && _clock.Now - asked >= _options.StopDeadline && _session.Phase == SessionPhase.Computing)
        {
            Log.StopUrged(_log, State.StepsDone + 1, _options.StopDeadline.TotalSeconds);
            Apply(SessionEvent.StopUrged());
        }

        if (_clock.Now - _savedAt >= _options.CheckpointInterval)
        {
            _savedAt = _clock.Now;
            Apply(SessionEvent.SaveAsked());
        }

        foreach (var connection in _roster.Sharing)
        {
            connection.Shared?.Tick();
        }

        PassDeadlines();
        ReportWaiting();
    }

    /// <summary>(5.4) Late leases are offered to idle workers.</summary>
    private void PassDeadlines()
    {
        foreach (var connection in _roster.Connections.Values.ToArray())
        {
            if (connection is { IsMember: true, Lease: { } lease } && connection.Deadlines!.BecomesLate(_clock.Now, _times.LateAfter))
            {
                Apply(SessionEvent.DeadlinePassed(lease.Id));
            }
        }
    }

    /// <summary>(5.5) Says whom the run waits for, and gives up when nobody comes.</summary>
    private void ReportWaiting()
    {
        if (_waiting.IsOver(_clock.Now))
        {
            throw new NotEnoughWorkersException(
                $"{_reports.WaitsFor(RoundTook)}. Gave up after {_options.StartTimeout.TotalSeconds:0.###} s; start workers with: disttrain worker --coordinator ADDRESS, or raise --start-timeout.");
        }

        if (_waiting.Due(_clock.Now, () => _reports.WaitsFor(RoundTook)) is { } message)
        {
            Log.Waiting(_log, message);
            _clusterObserver?.Waiting(message);
        }
    }

    private sealed record RoundBox(Round Round);
}
