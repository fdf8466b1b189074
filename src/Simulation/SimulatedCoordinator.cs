using DistTrain.Coordinator;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Simulation;

/// <summary>A coordinator's process: the product's conductor, readers, outboxes and journal, by the rules of its run loop and its service.</summary>
internal sealed class SimulatedCoordinator : SimulatedProcess, IRunIntake, IRunRecorder
{
    private const string RunDirectory = "/run";

    private readonly World _world;
    private readonly string _name;
    private readonly ProcessDisk _disk;
    private readonly Queue<(RunInput Input, ulong Origin)> _inputs = new();
    private readonly Dictionary<Link, Desk> _desks = [];
    private readonly Sabotage _sabotage;
    private RunJournal? _journal;
    private RunConductor? _conductor;
    private Reception? _reception;
    private RunEnded? _ending;
    private bool _isLoopDue;

    /// <summary>A process that has not begun.</summary>
    /// <param name="world">Where.</param>
    /// <param name="name">For the trace.</param>
    /// <param name="host">On which host: those of one host see each other's locks.</param>
    public SimulatedCoordinator(World world, string name, string host)
        : base(world.Time)
    {
        (_world, _name, Host, _sabotage) = (world, name, host, new Sabotage(world));
        _disk = new ProcessDisk(world.Disk, host)
        {
            Died = () => Die(withMachine: false),
            FlushesFiles = world.Mutation != Mutation.NoFileFlush,
            FlushesDirectories = world.Mutation != Mutation.NoDirectoryFlush,
            BlindFor = world.Mutation == Mutation.NoFencing ? "incarnation.json" : null,
        };
    }

    /// <summary>Its host.</summary>
    public string Host { get; }

    /// <summary>Whether workers can attach.</summary>
    public bool IsListening { get; private set; }

    /// <summary>Whether it is about to end.</summary>
    public bool IsEnding => _ending is not null;

    /// <inheritdoc/>
    public TimeProvider Time => _world.Time;

    /// <inheritdoc/>
    public ulong Incarnation => _journal!.Incarnation;

    /// <inheritdoc/>
    public int ParameterCount => _conductor!.State.Parameters.Layout.Length;

    /// <inheritdoc/>
    public PartialPools Pools => _conductor!.State.Pools;

    /// <inheritdoc/>
    public bool IsAuditing => _world.Scenario.Options.AuditShare > 0;

    /// <inheritdoc/>
    public Round? CurrentRound => _conductor!.CurrentRound;

    /// <inheritdoc/>
    public bool IsFinite(Partial partial) => _world.Mutation == Mutation.NoFiniteGate || _conductor!.State.IsFinite(partial);

    /// <summary>Takes the run over and listens.</summary>
    public void Start()
    {
        try
        {
            _journal = RunJournal.OpenUnserved(
                _disk, RunDirectory, new RunHolder(Host, 1, _world.Time.GetUtcNow()), new JournalOptions(Clock: () => _world.Time.Now), warning => _world.Trace.Add($"{_name}: {warning}"));
            _journal.Saved = SaveEnded;
            using var from = _journal.LoadNewest();
            var observer = new RunObserver(_world, this, _name);
            _conductor = new RunConductor(new ConductorSetup(
                _world.Scenario.Spec, _world.Scenario.Options, _journal.Incarnation, from?.Snapshot, this, observer, observer, NullLogger.Instance, _world.Time));
        }
        catch (InvalidInputException e)
        {
            if (IsAlive)
            {
                _world.Trace.Add($"{_name} cannot start: {e.Message}");
                if (e.Message.Contains("is in use", StringComparison.Ordinal))
                {
                    _world.Took(RecoveryBranch.LockRefused);
                }

                Finish(CoordinatorEnding.NotStarted);
            }

            return;
        }

        _world.Trace.Add($"{_name} starts as incarnation {Incarnation} after step {_conductor.State.StepsDone}");
        _world.Rules.Resumed(this, _conductor.State, _disk.TemporariesDeleted);
        _reception = new Reception(_world.Scenario.Spec, _world.Scenario.Options, Incarnation, Scenario.KnownAnswer, _conductor.Quarantine);
        IsListening = true;
        _world.Address = this;
        After(_conductor.TickLength, Tick);
    }

    /// <summary>A message has come, or with null the end of the connection.</summary>
    public void Receive(Link link, WorkerMessage? message)
    {
        if (link.IsClosedByCoordinator)
        {
            return;
        }

        if (_desks.TryGetValue(link, out var desk))
        {
            desk.Receive(message);
        }
        else if (message is null)
        {
            link.CloseByCoordinator();
        }
        else
        {
            Admit(link, message);
        }

        Pump();
    }

    /// <summary>Whether another member still has a lease of some of these shards.</summary>
    public bool HasLateLeaseOf(Round round, ShardRange shards, int but) => _conductor!.Connections.Any(connection =>
        connection is { IsMember: true, Lease: { } lease } && connection.Info.Id != but && lease.Round == round
        && lease.Range.Start < shards.End && shards.Start < lease.Range.End);

    /// <summary>(5.2)</summary>
    public HeartbeatReply Heartbeat(HeartbeatRequest request) => _reception!.Heartbeat(request);

    /// <summary>An operator wants something.</summary>
    public void Control(ControlVerb verb) => Tell(new RunInput.Control(verb, new TaskCompletionSource<ControlReply>()));

    /// <inheritdoc/>
    public ValueTask<bool> TellAsync(RunInput input) => ValueTask.FromResult(Tell(input));

    /// <summary>Tells the run loop something of a partial of this incarnation; 0 for anything else.</summary>
    public bool Tell(RunInput input, ulong origin = 0)
    {
        if (IsEnding)
        {
            return false;
        }

        _inputs.Enqueue((input, origin));
        if (!_isLoopDue)
        {
            _isLoopDue = true;
            After(_world.Dice.Milliseconds(0, 2), Loop);
        }

        return true;
    }

    /// <summary>It dies.</summary>
    /// <param name="withMachine">So that nothing closes its connections.</param>
    public void Die(bool withMachine)
    {
        if (!IsAlive)
        {
            return;
        }

        _disk.Die();
        foreach (var link in OpenLinks())
        {
            if (withMachine)
            {
                link.Vanish(isWorkers: false);
            }
        }

        Finish(CoordinatorEnding.Killed);
    }

    /// <summary>After so many more operations on the disk it dies in the middle of one.</summary>
    public void DieInDiskOperation(int operations) => _disk.OperationsToLive = operations;

    Action<SaveResult>? IRunRecorder.Saved { get; set; }

    bool IRunRecorder.Holds(long steps) => _journal!.Holds(steps);

    void IRunRecorder.Begin(TrainingState state) => _journal!.Begin(state);

    void IRunRecorder.Count(long step, ShardRange node, int worker)
    {
        _world.Rules.Counted(this, step, node);
        _journal!.Count(step, node, worker);
    }

    void IRunRecorder.StepDone(TrainingState state) => _journal!.StepDone(state);

    void IRunRecorder.BeginSave(TrainingState state)
    {
        _world.Trace.Add($"{_name} saves after step {state.StepsDone}");
        _journal!.BeginSave(state);
        After(_world.Disk.SaveTime * (0.5 + _world.Dice.Unit()), () => _journal.ServeWaiting());
    }

    private void SaveEnded(SaveResult result)
    {
        if (!IsAlive)
        {
            return;
        }

        _world.Trace.Add($"{_name} saved after step {result.StepsDone}: {result.Outcome}");
        _world.Rules.Saved(result);
        After(_world.Dice.Milliseconds(0, 10), () => Tell(new RunInput.Saved(result)));
    }

    private void Admit(Link link, WorkerMessage first)
    {
        if (_world.Mutation == Mutation.NoKnownAnswer && first.Hello is { } hello)
        {
            hello.KnownAnswer = Google.Protobuf.ByteString.CopyFrom(Scenario.KnownAnswer);
        }

        if (_reception!.Judge(first, IsEnding) is { } refused)
        {
            _world.Rules.Refused(refused);
            Tell(new RunInput.Refused("simulated", refused.Text));
            link.SendDown(new CoordinatorMessage { Refused = refused });
            link.CloseByCoordinator();
            return;
        }

        var connection = _reception.Admit(first.Hello, "simulated");
        _desks.Add(link, new Desk(_world, this, link, connection, Ended));
        if (!Tell(new RunInput.Attached(connection)))
        {
            connection.Outbox.SendLast(new CoordinatorMessage { RunEnded = _ending });
        }
    }

    /// <summary>(5.1) The call that serves a connection has ended.</summary>
    private void Ended(Desk desk, string reason, bool inOrder)
    {
        _desks.Remove(desk.Link);
        _reception!.Release(desk.Connection);
        Tell(new RunInput.Left(desk.Connection, reason, inOrder));
        desk.Connection.Dispose();
    }

    private void Loop()
    {
        _isLoopDue = false;
        if (!IsEnding && _inputs.TryDequeue(out var next))
        {
            Take(next.Input, next.Origin);
            if (_inputs.Count > 0 && !_isLoopDue)
            {
                _isLoopDue = true;
                After(TimeSpan.FromMicroseconds(50), Loop);
            }
        }
    }

    private void Take(RunInput input, ulong origin)
    {
        Exception? failure = null;
        try
        {
            _world.Rules.Origin = origin;
            if (!_sabotage.Intercepts(input, _conductor!, this))
            {
                _conductor!.Take(input);
            }
        }
        catch (Exception e) when (e is TrainingFailedException or NotEnoughWorkersException or OperationCanceledException)
        {
            failure = e;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or KeyNotFoundException)
        {
            _world.Violate($"{_name} broke on {input.GetType().Name}: {e.Message}");
        }

        if (failure is not null || _conductor!.HasEnded)
        {
            EndRun(failure);
        }

        Pump();
        _world.Rules.Bounded(_conductor!, _desks.Count + _inputs.Count);
    }

    private void Tick()
    {
        if (IsEnding)
        {
            return;
        }

        After(_conductor!.TickLength, Tick);
        if (_world.Mutation != Mutation.NoTicks)
        {
            Take(RunInput.Tick.Instance, origin: 0);
        }
    }

    /// <summary>Sends what there is room for, and ends the connections that the run has given up.</summary>
    private void Pump()
    {
        foreach (var desk in _desks.Values.ToArray())
        {
            desk.Pump();
        }
    }

    /// <summary>(6.1)</summary>
    private void EndRun(Exception? failure)
    {
        _ending = new RunEnded
        {
            Outcome = failure switch { null => RunOutcome.Completed, OperationCanceledException => RunOutcome.Stopped, _ => RunOutcome.Failed },
            Reason = failure?.Message ?? "",
        };
        _world.Trace.Add($"{_name} ends: {_ending.Outcome} {_ending.Reason}");
        var ending = _world.Rules.Ended(this, _conductor!.State, failure);
        _conductor.End(failure);
        foreach (var connection in _conductor.Connections)
        {
            connection.Outbox.SendLast(new CoordinatorMessage { RunEnded = _ending });
        }

        After(_world.Scenario.Options.GoodbyeDeadline, () => Finish(ending));
    }

    private Link[] OpenLinks() => [.. _world.Links.Where(link => link.Coordinator == this && !link.IsClosedByCoordinator)];

    private void Finish(CoordinatorEnding ending)
    {
        if (!IsAlive)
        {
            return;
        }

        IsListening = false;
        foreach (var link in OpenLinks())
        {
            link.CloseByCoordinator();
        }

        _journal?.Dispose();
        End();
        _disk.Die();
        foreach (var desk in _desks.Values)
        {
            desk.Abandon();
        }

        _desks.Clear();
        _conductor?.State.Dispose();
        _world.CoordinatorEnded(this, ending);
    }
}
