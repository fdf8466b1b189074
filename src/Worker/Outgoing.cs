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

            var bytes = TensorBytes.Of(item.Partial.Gradient);
            stream.WriteOptions = bytes.IsEmpty ? Flushed : Buffered;
            await stream.WriteAsync(item.Message, cancellation);
            var left = bytes.Length;
            foreach (var chunk in Chunks.Of(bytes))
            {
                left -= chunk.Data.Length;
                stream.WriteOptions = left == 0 ? Flushed : Buffered;
                await stream.WriteAsync(new WorkerMessage { Chunk = chunk }, cancellation);
            }

            item.Pool!.Return(item.Partial);
        }

        await stream.CompleteAsync();
    }

    private readonly record struct Item(WorkerMessage Message, Partial? Partial, PartialPool? Pool);
}
