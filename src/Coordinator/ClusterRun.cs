using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Coordinator;

/// <summary>
/// The run loop: one reader of one channel, which alone touches session, state and membership. It turns inputs into the session's events and
/// carries out the session's effects. Numbers in comments are steps of docs/protocol.md.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The state passes to whoever awaits Completion; EndAsync disposes of it if there is no such result.")]
internal sealed class ClusterRun
{
    private const int TicksPerDeadTime = 12;
    private const int MaximumWaitingInputs = 64;
    private const int MaximumReturnsInRow = 16;
    private const int LateAfterRounds = 4;
    private const double RoundTimeSmoothing = 0.2;

    private readonly RunSpec _spec;
    private readonly CoordinatorOptions _options;
    private readonly ITrainingObserver? _observer;
    private readonly IClusterObserver? _clusterObserver;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly TrainingSession _session;
    private readonly TrainingState _state;
    private readonly ParametersBroadcast _broadcast;
    private readonly Channel<RunInput> _inputs;
    private readonly Queue<SessionEvent> _events = new();
    private readonly Queue<(WorkerConnection Connection, string Reason)> _broken = new();
    private readonly Dictionary<int, WorkerConnection> _connections = [];
    private readonly List<(Round Round, ShardRange Range)> _granted = [];
    private readonly TaskCompletionSource<TrainingState> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RunningClock _clock;
    private readonly TimeSpan _tickLength;
    private RoundBox? _current;
    private (long LeaseId, Partial Partial) _arriving;
    private bool _hasStarted;
    private int _workersToStart;
    private long _evaluationAnnounced = -1;
    private TimeSpan _aloneSince;
    private TimeSpan _roundSince;
    private TimeSpan _lastReport;
    private TimeSpan _usualRound;
    private volatile bool _hasEnded;

    /// <summary>A run at step 0.</summary>
    public ClusterRun(
        RunSpec spec,
        CoordinatorOptions options,
        ulong incarnation,
        ITrainingObserver? observer,
        IClusterObserver? clusterObserver,
        ILogger log,
        TimeProvider time)
    {
        _spec = spec;
        _options = options;
        _observer = observer;
        _clusterObserver = clusterObserver;
        _log = log;
        _time = time;
        Incarnation = incarnation;
        _workersToStart = options.WorkersToStart;
        _session = new TrainingSession(spec, _workersToStart);
        _state = new TrainingState(spec, VectorKernels.Best);
        _broadcast = new ParametersBroadcast(incarnation);
        _tickLength = options.DeadTime / TicksPerDeadTime;
        _clock = new RunningClock(time, _tickLength);
        _inputs = Channel.CreateBounded<RunInput>(new BoundedChannelOptions(MaximumWaitingInputs) { SingleReader = true });
        ParameterCount = _state.Parameters.Layout.Length;
        Pools = _state.Pools;
    }

    /// <summary>Which coordinator this is.</summary>
    public ulong Incarnation { get; }

    /// <summary>Elements of the model's gradient.</summary>
    public int ParameterCount { get; }

    /// <summary>Where received partials are put; thread-safe.</summary>
    public PartialPools Pools { get; }

    /// <summary>The round being computed, for any thread; null before the first.</summary>
    public Round? CurrentRound => Volatile.Read(ref _current)?.Round;

    /// <summary>True once the run is over, for any thread.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>What workers are told once the run is over.</summary>
    public RunEnded Ending { get; private set; } = new();

    /// <summary>The final state, or why there is none.</summary>
    public Task<TrainingState> Completion => _completion.Task;

    /// <summary>Tells the run loop something; waits while it has much to do.</summary>
    /// <returns>False if the run is over and nobody listens.</returns>
    public async ValueTask<bool> TellAsync(RunInput input)
    {
        while (await _inputs.Writer.WaitToWriteAsync())
        {
            if (_inputs.Writer.TryWrite(input))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Runs to the end. Never throws: the outcome is <see cref="Completion"/>.</summary>
    public async Task RunAsync()
    {
        Exception? failure = null;
        try
        {
            // A busy loop needs no ticks: the channel being full, one is left out.
            using var timer = _time.CreateTimer(_ => _inputs.Writer.TryWrite(RunInput.Tick.Instance), null, _tickLength, _tickLength);
            await foreach (var input in _inputs.Reader.ReadAllAsync())
            {
                Take(input);
                Drain();
                if (_session.HasEnded)
                {
                    break;
                }
            }
        }
#pragma warning disable CA1031 // Whatever it is, the workers are told and the caller of Completion gets it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }

        await EndAsync(failure);
    }

    /// <summary>(6.1) Tells the workers, gives them time to leave, and completes.</summary>
    private async Task EndAsync(Exception? failure)
    {
        var outcome = failure switch
        {
            null => RunOutcome.Completed,
            OperationCanceledException => RunOutcome.Stopped,
            _ => RunOutcome.Failed,
        };
        Ending = new RunEnded { Outcome = outcome, Reason = failure?.Message ?? "" };
        _hasEnded = true;
        _inputs.Writer.TryComplete();
        while (_inputs.Reader.TryRead(out var late))
        {
            if (late is RunInput.Attached(var connection))
            {
                _connections[connection.Info.Id] = connection;
            }
        }

        foreach (var connection in _connections.Values)
        {
            connection.Outbox.SendLast(new CoordinatorMessage { RunEnded = Ending });
        }

        try
        {
            await Task.WhenAll(_connections.Values.Select(connection => connection.Ended)).WaitAsync(_options.GoodbyeDeadline, _time);
        }
        catch (TimeoutException)
        {
            foreach (var connection in _connections.Values.Where(connection => !connection.Ended.IsCompleted))
            {
                Log.NoGoodbye(_log, connection.Info);
                connection.Abort();
            }
        }

        if (failure is null)
        {
            _completion.SetResult(_state);
            return;
        }

        _state.Dispose();
        if (failure is OperationCanceledException)
        {
            _completion.SetCanceled();
        }
        else
        {
            _completion.SetException(failure);
        }
    }

    private void Take(RunInput input)
    {
        switch (input)
        {
            case RunInput.Attached(var connection):
                connection.Deadlines = new WorkerDeadlines(_options, _clock.Now);
                _connections.Add(connection.Info.Id, connection);
                break;
            case RunInput.Ready(var connection) when _connections.ContainsKey(connection.Info.Id):
                Join(connection);
                break;
            case RunInput.PartialArrived(var connection, var leaseId, var round, var partial, _):
                Arrive(connection, leaseId, round, partial);
                break;
            case RunInput.LeaseReturned(var connection, var leaseId, var reason) when connection.IsMember:
                Return(connection, leaseId, reason);
                break;
            case RunInput.Left(var connection, var reason, var inOrder):
                Lose(connection, reason, inOrder);
                break;
            case RunInput.Refused(var peer, var reason):
                Log.Refused(_log, peer, reason);
                _clusterObserver?.WorkerRefused(peer, reason);
                break;
            case RunInput.WorkersExpected(var count):
                // The lowest number counts: two deaths may be told in either order.
                _workersToStart = Math.Min(_workersToStart, count);
                Apply(SessionEvent.WorkersExpected(_workersToStart));
                break;
            case RunInput.Tick:
                Tick();
                break;
            case RunInput.Stop:
                throw new OperationCanceledException("The run was stopped.");
        }
    }

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
                Lose(broken.Connection, broken.Reason, inOrder: false);
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
                _connections[effect.Worker].Outbox.SendParameters(_broadcast.Messages(effect.Round.Version, _state));
                break;
            case EffectKind.Lease:
                Grant(effect.Lease);
                break;
            case EffectKind.Revoke:
                // (3.3)
                _connections[effect.Worker].Outbox.Send(new CoordinatorMessage { Revoked = new LeaseRevoked { LeaseId = (ulong)effect.Lease.Id } });
                break;
            case EffectKind.AnswerPartial:
                Answer(effect);
                break;
            case EffectKind.CommitStep:
                var outcome = _state.CommitStep(effect.Round.Version);
                _events.Enqueue(outcome);
                if (outcome.Kind == EventKind.StepCommitted)
                {
                    _observer?.StepDone(effect.Round.Version + 1, _state);
                }

                break;
            case EffectKind.CommitEvaluation:
                _state.CommitEvaluation();
                _observer?.EvaluationDone(effect.Round.Version, _state);
                break;
            case EffectKind.Fail:
                throw new TrainingFailedException(effect.Reason!);
        }
    }

    private void Join(WorkerConnection connection)
    {
        connection.IsMember = true;
        Log.Joined(_log, connection.Info, connection.Info.Threads, connection.Info.VectorBits, connection.Info.Peer);
        _clusterObserver?.WorkerJoined(connection.Info);
        Apply(SessionEvent.WorkerJoined(connection.Info.Id));
        var members = _session.Workers.Count();
        if (members == _spec.ShardCount + 1)
        {
            Log.MoreWorkersThanShards(_log, members, _spec.ShardCount);
        }
    }

    /// <summary>(5.1) Whatever ends a connection ends here, once; its leases go to others.</summary>
    private void Lose(WorkerConnection connection, string reason, bool inOrder)
    {
        if (!_connections.Remove(connection.Info.Id))
        {
            return;
        }

        connection.Abort();
        if (!connection.IsMember)
        {
            Log.NeverReady(_log, connection.Info, reason);
            return;
        }

        connection.IsMember = false;
        if (inOrder)
        {
            Log.Left(_log, connection.Info, reason);
            _clusterObserver?.WorkerLeft(connection.Info, reason);
        }
        else
        {
            Log.Lost(_log, connection.Info, reason);
            _clusterObserver?.WorkerLost(connection.Info, reason);
        }

        Apply(SessionEvent.WorkerLost(connection.Info.Id));
        if (_hasStarted && !_session.Workers.Any())
        {
            // Before the first round the time runs from the start, whoever comes and goes.
            _aloneSince = _clock.Now;
            _lastReport = _clock.Now - _options.WaitingReportInterval;
        }
    }

    /// <summary>(3.2) Grants a lease.</summary>
    private void Grant(in Lease lease)
    {
        var connection = _connections[lease.Worker];
        if (_current?.Round != lease.Round)
        {
            BeginRound(lease.Round);
        }

        connection.Lease = lease;
        connection.Deadlines!.LeaseGranted(_clock.Now);
        connection.Outbox.SendLease(new CoordinatorMessage
        {
            Lease = new LeaseGranted
            {
                LeaseId = (ulong)lease.Id,
                Kind = Rounds.ToWire(lease.Round.Kind),
                Version = (ulong)lease.Round.Version,
                ShardCount = (uint)lease.Round.ShardCount,
                FirstShard = (uint)lease.Range.Start,
                EndShard = (uint)lease.Range.End,
            },
        });

        var range = lease.Range;
        if (_granted.Exists(earlier => earlier.Range.Start < range.End && range.Start < earlier.Range.End))
        {
            Log.Reissued(_log, lease.Range, lease.Round.Kind, lease.Round.Version, connection.Info);
            _clusterObserver?.LeaseReissued(connection.Info, lease.Round, lease.Range);
        }

        _granted.Add((lease.Round, lease.Range));
    }

    private void BeginRound(Round round)
    {
        if (_hasStarted)
        {
            var last = _clock.Now - _roundSince;
            _usualRound += (last - _usualRound) * RoundTimeSmoothing;
        }

        _hasStarted = true;
        _roundSince = _lastReport = _clock.Now;
        _granted.Clear();
        Volatile.Write(ref _current, new RoundBox(round));
        if (round.Kind == RoundKind.Evaluation && round.Version != _evaluationAnnounced)
        {
            _evaluationAnnounced = round.Version;
            _observer?.EvaluationStarted(round.Version);
        }
    }

    private void Arrive(WorkerConnection connection, long leaseId, Round round, Partial partial)
    {
        if (!connection.IsMember)
        {
            // Lost meanwhile: its shards are somebody else's already.
            Pools.For(round.Kind).Return(partial);
            return;
        }

        _arriving = (leaseId, partial);
        connection.ReturnsInRow = 0;
        Apply(SessionEvent.PartialArrived(connection.Info.Id, round, partial.Node));
    }

    /// <summary>(4.3) Answers the partial that is arriving, and counts it or drops it.</summary>
    private void Answer(in SessionEffect effect)
    {
        var (leaseId, partial) = _arriving;
        _arriving = default;
        var connection = _connections[effect.Worker];
        if (effect.Verdict == PartialVerdict.Counted)
        {
            _state.Add(effect.Round.Kind, partial);
        }
        else
        {
            Pools.For(effect.Round.Kind).Return(partial);
            Log.NotCounted(_log, effect.Node, effect.Round.Kind, effect.Round.Version, connection.Info, effect.Verdict);
        }

        if (effect.Verdict == PartialVerdict.Malformed)
        {
            _broken.Enqueue((connection, $"it delivered node {effect.Node}, which nobody asked for"));
            return;
        }

        connection.Outbox.Send(new CoordinatorMessage
        {
            Answer = new PartialAnswer
            {
                LeaseId = (ulong)leaseId,
                FirstShard = (uint)effect.Node.Start,
                EndShard = (uint)effect.Node.End,
                Verdict = effect.Verdict switch
                {
                    PartialVerdict.Counted => Verdict.Counted,
                    PartialVerdict.Duplicate => Verdict.Duplicate,
                    _ => Verdict.Stale,
                },
            },
        });
    }

    /// <summary>(4.4) A lease is open again.</summary>
    private void Return(WorkerConnection connection, long leaseId, string reason)
    {
        Log.LeaseReturned(_log, leaseId, connection.Info, reason);
        if (++connection.ReturnsInRow > MaximumReturnsInRow)
        {
            Lose(connection, $"{MaximumReturnsInRow} leases in a row came to nothing; the last: {reason}", inOrder: false);
            return;
        }

        // Whoever names another's lease frees nothing.
        if (connection.Lease?.Id == leaseId)
        {
            Apply(SessionEvent.LeaseReturned(leaseId));
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

        foreach (var connection in _connections.Values.ToArray())
        {
            var deadlines = connection.Deadlines!;
            deadlines.Observe(_clock.Now, connection.TakeHeard(), connection.Outbox.Writing);
            var doomed = connection.Outbox.IsOverfull
                ? "it does not read what it is sent, and too much waits for it"
                : deadlines.Doomed(_clock.Now, connection.IsMember && _session.Awaited.Contains(connection.Info.Id));
            if (doomed is { } reason)
            {
                Lose(connection, reason, inOrder: false);
            }
        }

        PassDeadlines();
        ReportWaiting();
    }

    /// <summary>(5.4) Late leases are offered to idle workers.</summary>
    private void PassDeadlines()
    {
        var usual = _usualRound * LateAfterRounds;
        var deadline = usual > _options.LeaseDeadline ? usual : _options.LeaseDeadline;
        foreach (var connection in _connections.Values.ToArray())
        {
            if (connection is { IsMember: true, Lease: { } lease } && connection.Deadlines!.BecomesLate(_clock.Now, deadline))
            {
                Apply(SessionEvent.DeadlinePassed(lease.Id));
            }
        }
    }

    /// <summary>(5.5) Says whom the run waits for, and gives up when nobody comes.</summary>
    private void ReportWaiting()
    {
        var members = _session.Workers.Count();
        var needed = _hasStarted ? 1 : _workersToStart;
        if (members >= needed)
        {
            if (_clock.Now - _lastReport >= _options.WaitingReportInterval && _hasStarted)
            {
                Report($"{_session.Round.Kind} {_session.Round.Version} has taken {(_clock.Now - _roundSince).TotalSeconds:0} s; it waits for {Names(_session.Awaited)}.");
            }

            return;
        }

        var waited = _clock.Now - _aloneSince;
        var message = $"Waiting for {needed - members} more {(needed - members == 1 ? "worker" : "workers")}: {members} of {needed} needed are here"
            + $"{(members > 0 ? $" ({Names(_session.Workers)})" : "")}{Joining()}";
        if (waited >= _options.StartTimeout)
        {
            throw new NotEnoughWorkersException($"{message}. Gave up after {_options.StartTimeout.TotalSeconds:0.###} s; start workers with: disttrain worker --coordinator HOST:PORT, or raise --start-timeout.");
        }

        if (_clock.Now - _lastReport >= _options.WaitingReportInterval)
        {
            Report($"{message}; giving up in {(_options.StartTimeout - waited).TotalSeconds:0} s.");
        }
    }

    private void Report(string message)
    {
        _lastReport = _clock.Now;
        Log.Waiting(_log, message);
        _clusterObserver?.Waiting(message);
    }

    private string Joining()
    {
        var joining = _connections.Values.Where(connection => !connection.IsMember).Select(connection => connection.Info.ToString()).ToArray();
        return joining.Length == 0 ? "" : $", not ready yet: {string.Join(", ", joining)}";
    }

    private string Names(IEnumerable<int> workers) => string.Join(", ", workers.Select(id => _connections[id].Info.ToString()));

    private sealed record RoundBox(Round Round);
}
