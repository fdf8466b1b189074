using DistTrain.Coordinator;
using DistTrain.Transport.Wire;

namespace DistTrain.Simulation;

/// <summary>One worker's connection at the coordinator: the product's reader of what comes and its outbox of what goes.</summary>
internal sealed class Desk
{
    private readonly World _world;
    private readonly SimulatedCoordinator _coordinator;
    private readonly Action<Desk, string, bool> _ended;
    private readonly WorkerReader _reader;
    private readonly Intake _intake;
    private readonly ChecksumForger? _forger;
    private IEnumerator<CoordinatorMessage>? _writing;
    private bool _hasNext;
    private bool _isOver;

    /// <summary>A connection that was admitted.</summary>
    public Desk(World world, SimulatedCoordinator coordinator, Link link, WorkerConnection connection, Action<Desk, string, bool> ended)
    {
        (_world, _coordinator, Link, Connection, _ended) = (world, coordinator, link, connection, ended);
        _intake = new Intake(world, coordinator);
        _forger = world.Mutation == Mutation.NoChecksums ? new ChecksumForger() : null;
        _reader = new WorkerReader(connection, world.Scenario.Spec, Scenario.Data, _intake);
    }

    /// <summary>The connection between the processes.</summary>
    public Link Link { get; }

    /// <summary>What the run knows of it.</summary>
    public WorkerConnection Connection { get; }

    /// <summary>A message has come, or with null the end of the connection.</summary>
    public void Receive(WorkerMessage? message)
    {
        if (_isOver)
        {
            return;
        }

        if (message is null)
        {
            EndCall("its connection closed", inOrder: false);
            return;
        }

        foreach (var next in _forger?.Take(message) ?? [message])
        {
            if (!_isOver)
            {
                Read(next);
            }
        }
    }

    /// <summary>Sends what there is room for.</summary>
    public void Pump()
    {
        while (!_isOver && Link.HasRoom)
        {
            _hasNext = _writing?.MoveNext() ?? false;
            if (!_hasNext)
            {
                _writing = Connection.Outbox.Drain().GetEnumerator();
                _hasNext = _writing.MoveNext();
            }

            if (!_hasNext)
            {
                _writing = null;
                break;
            }

            _world.Rules.Sent(Link, _writing!.Current);
            Link.SendDown(_writing.Current);
        }

        if (!_isOver && Connection.Aborted.IsCancellationRequested)
        {
            EndCall("the run has given it up", inOrder: false);
        }
    }

    /// <summary>The process has ended.</summary>
    public void Abandon()
    {
        if (!_isOver)
        {
            _isOver = true;
            _reader.Abandon();
            Connection.Dispose();
        }
    }

    private void Read(WorkerMessage message)
    {
        _intake.Prepare(message);
        var taken = _reader.TakeAsync(message);
        if (!taken.IsCompleted)
        {
            throw new InvalidOperationException("A reader waits in a simulated world.");
        }

        if (taken.Result is { } end)
        {
            EndCall(end.Reason, end.InOrder);
        }
    }

    private void EndCall(string reason, bool inOrder)
    {
        _isOver = true;
        _reader.Abandon();
        Link.CloseByCoordinator();
        _world.Trace.Add($"{Link.Slot.Name} is gone from incarnation {_coordinator.Incarnation}: {reason}");
        _ended(this, reason, inOrder);
    }
}
