using DistTrain.Transport.Wire;

namespace DistTrain.Chaos.Faults;

/// <summary>
/// N10: partials and leases are repeated, held back, overtaken and lost, each at a rate. A partial is its header and its chunks: the stream
/// itself is what it promises to be.
/// </summary>
/// <param name="random">Chooses.</param>
/// <param name="rate">Of messages that something happens to.</param>
/// <param name="losses">So many are lost at most: each costs a lease deadline.</param>
internal sealed class UnreliableMessages(Random random, double rate, int losses) : MessageFault
{
    private const int Kinds = 4;

    private readonly List<WorkerMessage> _partial = [];
    private readonly List<WorkerMessage> _heldBack = [];
    private int _lossesLeft = losses;
    private ulong _missing;

    protected override void CallBegins()
    {
        _partial.Clear();
        _heldBack.Clear();
        _missing = 0;
    }

    protected override async Task SendAsync(WorkerMessage message, Func<WorkerMessage, Task> send)
    {
        if (message.Partial is { } header)
        {
            _missing = header.LengthBytes;
        }
        else if (message.Chunk is not { } chunk)
        {
            await send(message);
            return;
        }
        else
        {
            _missing -= (ulong)chunk.Data.Length;
        }

        // The worker's buffer is its own again when this returns.
        _partial.Add(message.Clone());
        if (_missing == 0)
        {
            await SendPartialAsync(send);
            _partial.Clear();
        }
    }

    protected override int Receive(CoordinatorMessage message)
    {
        if (message.Lease is not { } lease || random.NextDouble() >= rate)
        {
            return 1;
        }

        if (_lossesLeft > 0 && random.Next(Kinds) == 0)
        {
            _lossesLeft--;
            FaultyWorker.Fired($"lost lease {lease.LeaseId}");
            return 0;
        }

        FaultyWorker.Fired($"repeated lease {lease.LeaseId}");
        return 2;
    }

    private async Task SendPartialAsync(Func<WorkerMessage, Task> send)
    {
        var overtaken = _heldBack.ToArray();
        _heldBack.Clear();
        switch (random.NextDouble() < rate ? random.Next(Kinds) : Kinds)
        {
            case 0 when _lossesLeft > 0:
                _lossesLeft--;
                FaultyWorker.Fired("lost a partial");
                break;
            case 1:
                FaultyWorker.Fired("repeated a partial");
                await SendAllAsync(_partial, send);
                await SendAllAsync(_partial, send);
                break;
            case 2:
                FaultyWorker.Fired("delayed a partial");
                await Task.Delay(random.Next(1, 100));
                await SendAllAsync(_partial, send);
                break;
            case 3 when _lossesLeft > 0:
                // It goes out after the next: then its round is over.
                _lossesLeft--;
                FaultyWorker.Fired("held a partial back until the next");
                _heldBack.AddRange(_partial);
                break;
            default:
                await SendAllAsync(_partial, send);
                break;
        }

        await SendAllAsync(overtaken, send);
    }

    private static async Task SendAllAsync(IEnumerable<WorkerMessage> messages, Func<WorkerMessage, Task> send)
    {
        foreach (var message in messages)
        {
            await send(message);
        }
    }
}
