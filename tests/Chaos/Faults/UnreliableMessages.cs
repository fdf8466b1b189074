using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Chaos.Faults;

/// <summary>
/// N10: partials and leases are repeated, held back, overtaken and lost, each at a rate. A partial is its header, chunks and end, sent as one:
/// the stream itself is what it promises to be.
/// </summary>
/// <param name="random">Chooses.</param>
/// <param name="rate">Of messages that something happens to.</param>
/// <param name="losses">So many are lost at most: each costs a lease deadline.</param>
internal sealed class UnreliableMessages(Random random, double rate, int losses) : MessageFault
{
    private const int Kinds = 4;

    private readonly Dictionary<uint, List<WorkerMessage>> _partials = [];
    private readonly List<WorkerMessage> _heldBack = [];
    private int _lossesLeft = losses;

    protected override void CallBegins()
    {
        _partials.Clear();
        _heldBack.Clear();
    }

    protected override async Task SendAsync(WorkerMessage message, Func<WorkerMessage, Task> send)
    {
        if (message.PartialAbandoned is not null)
        {
            // Of one that was never sent.
            _partials.Remove(message.PartialAbandoned.Number);
            return;
        }

        var number = message.Partial?.Number ?? message.Chunk?.Partial ?? message.PartialEnd?.Number;
        if (number is not { } partial)
        {
            await send(message);
            return;
        }

        if (message.Partial is not null)
        {
            _partials[partial] = [];
        }

        _partials[partial].Add(Copied(message));
        if (message.PartialEnd is not null)
        {
            _partials.Remove(partial, out var whole);
            await SendPartialAsync(whole!, send);
        }
    }

    /// <summary>The worker's buffer is its own again when a chunk is written.</summary>
    private static WorkerMessage Copied(WorkerMessage message) => message.Chunk is { } chunk
        ? new WorkerMessage { Chunk = new Chunk { Partial = chunk.Partial, Data = ByteString.CopyFrom(chunk.Data.Span) } }
        : message.Clone();

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

    private async Task SendPartialAsync(List<WorkerMessage> partial, Func<WorkerMessage, Task> send)
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
                await SendAllAsync(partial, send);
                await SendAllAsync(partial, send);
                break;
            case 2:
                FaultyWorker.Fired("delayed a partial");
                await Task.Delay(random.Next(1, 100));
                await SendAllAsync(partial, send);
                break;
            case 3 when _lossesLeft > 0:
                // It goes out after the next: then its round is over.
                _lossesLeft--;
                FaultyWorker.Fired("held a partial back until the next");
                _heldBack.AddRange(partial);
                break;
            default:
                await SendAllAsync(partial, send);
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
