using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Simulation;

/// <summary>One call of Attach: a connection between a worker's process and a coordinator's. Messages travel as their bytes.</summary>
internal sealed class Link
{
    private const int Window = 6;

    private readonly World _world;
    private readonly Pipe _up;
    private readonly Pipe _down;

    /// <summary>Opens a connection.</summary>
    public Link(World world, WorkerSlot slot, SimulatedWorker worker, SimulatedCoordinator coordinator)
    {
        (_world, Slot, Worker, Coordinator) = (world, slot, worker, coordinator);
        _up = new Pipe(world, () => slot.IsUpBlocked, slot.Latency)
        {
            Receive = bytes => coordinator.Do(() => Take(_up!, bytes is null, () => coordinator.Receive(this, bytes is null ? null : WorkerMessage.Parser.ParseFrom(bytes)))),
        };
        _down = new Pipe(world, () => slot.IsDownBlocked, slot.Latency)
        {
            Receive = bytes => worker.Do(() => Take(_down!, bytes is null, () => worker.Receive(this, bytes is null ? null : CoordinatorMessage.Parser.ParseFrom(bytes)))),
        };
        world.Links.Add(this);
    }

    /// <summary>Whose worker it is.</summary>
    public WorkerSlot Slot { get; }

    /// <summary>The worker's end.</summary>
    public SimulatedWorker Worker { get; }

    /// <summary>The coordinator's end.</summary>
    public SimulatedCoordinator Coordinator { get; }

    /// <summary>Whether the worker's end is closed.</summary>
    public bool IsClosedByWorker { get; private set; }

    /// <summary>Whether the coordinator's end is closed.</summary>
    public bool IsClosedByCoordinator { get; private set; }

    /// <summary>Whether the coordinator may send without waiting for the worker to read.</summary>
    public bool HasRoom => _down.InFlight < Window;

    /// <summary>How many of the next chunks sent to the coordinator and to the worker get a bit flipped.</summary>
    public (int Up, int Down) Flips { get; set; }

    /// <summary>From the worker.</summary>
    public void SendUp(WorkerMessage message)
    {
        if (Flips.Up > 0 && message.KindCase == WorkerMessage.KindOneofCase.Chunk)
        {
            Flips = (Flips.Up - 1, Flips.Down);
            message = new WorkerMessage { Chunk = Flipped(message.Chunk) };
            _world.Struck(FaultKind.BitFlipUp, Slot);
        }

        _up.Send(message.ToByteArray());
    }

    /// <summary>From the coordinator.</summary>
    public void SendDown(CoordinatorMessage message)
    {
        if (Flips.Down > 0 && message.KindCase == CoordinatorMessage.KindOneofCase.Chunk)
        {
            Flips = (Flips.Up, Flips.Down - 1);
            message = new CoordinatorMessage { Chunk = Flipped(message.Chunk) };
            _world.Struck(FaultKind.BitFlipDown, Slot);
        }

        _down.Send(message.ToByteArray());
    }

    /// <summary>The worker's end closes.</summary>
    public void CloseByWorker()
    {
        IsClosedByWorker = true;
        _up.Close();
        Forget();
    }

    /// <summary>The coordinator's end closes.</summary>
    public void CloseByCoordinator()
    {
        IsClosedByCoordinator = true;
        _down.Close();
        Forget();
    }

    /// <summary>Both ends are told that it is over; what was on its way is lost.</summary>
    public void Reset()
    {
        _up.Cut();
        _down.Cut();
    }

    /// <summary>One end is gone without a word.</summary>
    public void Vanish(bool isWorkers)
    {
        (isWorkers ? _up : _down).Vanish();
        IsClosedByWorker |= isWorkers;
        IsClosedByCoordinator |= !isWorkers;
        Forget();
    }

    /// <summary>What was blocked passes.</summary>
    public void Unblock()
    {
        _up.Unblock();
        _down.Unblock();
    }

    private static void Take(Pipe pipe, bool isEnd, Action receive)
    {
        if (!isEnd)
        {
            pipe.Taken();
        }

        receive();
    }

    private void Forget()
    {
        if (IsClosedByCoordinator && IsClosedByWorker)
        {
            _world.Links.Remove(this);
        }
    }

    private Chunk Flipped(Chunk chunk)
    {
        var data = chunk.Data.ToByteArray();
        data[_world.Dice.Below(data.Length)] ^= (byte)(1 << _world.Dice.Below(8));
        return new Chunk { Partial = chunk.Partial, Data = ByteString.CopyFrom(data) };
    }
}
