using System.Threading.Channels;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Worker;

/// <summary>What waits to be sent to the coordinator; its pump is the stream's only writer.</summary>
internal sealed class Outgoing
{
    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Flushed = new();

    private readonly Dictionary<Partial, WorkerMessage[]> _chunks = [];
    private readonly Channel<Item> _items = Channel.CreateUnbounded<Item>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Queues a message; dropped once the queue is closed.</summary>
    public void Send(WorkerMessage message) => _items.Writer.TryWrite(new Item(message, null, null));

    /// <summary>Queues a partial and its chunks; it goes back to the pool when it is written.</summary>
    public void SendPartial(PartialHeader header, Partial partial, PartialPool pool)
    {
        if (!_items.Writer.TryWrite(new Item(new WorkerMessage { Partial = header }, partial, pool)))
        {
            pool.Return(partial);
        }
    }

    /// <summary>Nothing comes after what is queued.</summary>
    public void Close() => _items.Writer.TryComplete();

    /// <summary>Writes until the queue is closed and empty.</summary>
    public async Task PumpAsync(IClientStreamWriter<WorkerMessage> stream, CancellationToken cancellation)
    {
        await foreach (var item in _items.Reader.ReadAllAsync(cancellation))
        {
            if (item.Partial is null)
            {
                stream.WriteOptions = Flushed;
                await stream.WriteAsync(item.Message, cancellation);
                continue;
            }

            var chunks = ChunksOf(item.Partial);
            stream.WriteOptions = chunks.Length == 0 ? Flushed : Buffered;
            await stream.WriteAsync(item.Message, cancellation);
            for (var i = 0; i < chunks.Length; i++)
            {
                stream.WriteOptions = i == chunks.Length - 1 ? Flushed : Buffered;
                await stream.WriteAsync(chunks[i], cancellation);
            }

            item.Pool!.Return(item.Partial);
        }

        await stream.CompleteAsync();
    }

    /// <summary>The chunks over a partial's own memory. Partials are few and come again, so that each has its own for good.</summary>
    private WorkerMessage[] ChunksOf(Partial partial)
    {
        if (!_chunks.TryGetValue(partial, out var chunks))
        {
            chunks = [.. Chunks.Of(TensorBytes.Of(partial.Gradient)).Select(chunk => new WorkerMessage { Chunk = chunk })];
            _chunks.Add(partial, chunks);
        }

        return chunks;
    }

    private readonly record struct Item(WorkerMessage Message, Partial? Partial, PartialPool? Pool);
}
