using System.Threading.Channels;
using DistTrain.Core.Training;
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
    public void Send(WorkerMessage message) => _items.Writer.TryWrite(new Item(message, null, 0, null));

    /// <summary>Queues the header of a partial, whose memory stays the caller's to write until <see cref="End"/> or <see cref="Abandon"/>.</summary>
    public void Begin(PartialHeader header, OutgoingPartial partial) => _items.Writer.TryWrite(new Item(new WorkerMessage { Partial = header }, partial, int.MaxValue, null));

    /// <summary>Queues the chunks that lie whole in the parameters from <paramref name="firstByte"/> on; nobody writes there any more.</summary>
    public void Advance(OutgoingPartial partial, int firstByte) => _items.Writer.TryWrite(new Item(null, partial, firstByte, null));

    /// <summary>Queues all chunks that are left and the partial's end; then it goes back to the pool.</summary>
    public void End(PartialEnd end, OutgoingPartial partial, PartialPool pool) =>
        Finish(new Item(new WorkerMessage { PartialEnd = end }, partial, OutgoingPartial.All, pool));

    /// <summary>(4.5) No more of it is sent; it goes back to the pool.</summary>
    public void Abandon(OutgoingPartial partial, PartialPool pool) =>
        Finish(new Item(new WorkerMessage { PartialAbandoned = new PartialAbandoned { Number = partial.Number } }, partial, int.MaxValue, pool));

    /// <summary>Nothing comes after what is queued.</summary>
    public void Close() => _items.Writer.TryComplete();

    /// <summary>Writes until the queue is closed and empty.</summary>
    public async Task PumpAsync(IClientStreamWriter<WorkerMessage> stream, CancellationToken cancellation)
    {
        await foreach (var item in _items.Reader.ReadAllAsync(cancellation))
        {
            while (item.Partial?.Next(item.FirstByte) is { } chunk)
            {
                stream.WriteOptions = item.Message is null && !item.Partial.HasNext(item.FirstByte) ? Flushed : Buffered;
                await stream.WriteAsync(chunk, cancellation);
            }

            if (item.Message is { } message)
            {
                // A header has chunks behind it, or at least an end.
                stream.WriteOptions = message.Partial is null ? Flushed : Buffered;
                await stream.WriteAsync(message, cancellation);
            }

            if (item.Pool is { } pool)
            {
                item.Partial!.Rewind();
                pool.Return(item.Partial.Partial);
            }
        }

        await stream.CompleteAsync();
    }

    private void Finish(Item item)
    {
        if (!_items.Writer.TryWrite(item))
        {
            item.Pool!.Return(item.Partial!.Partial);
        }
    }

    /// <summary>Chunks of a partial, a message, or the chunks and then the message.</summary>
    /// <param name="Message">The message; null for none.</param>
    /// <param name="Partial">Whose chunks; null for none.</param>
    /// <param name="FirstByte">Chunks from here on; <see cref="int.MaxValue"/> for none, <see cref="OutgoingPartial.All"/> for all.</param>
    /// <param name="Pool">Where the partial goes afterwards; null if it is not finished.</param>
    private readonly record struct Item(WorkerMessage? Message, OutgoingPartial? Partial, int FirstByte, PartialPool? Pool);
}
