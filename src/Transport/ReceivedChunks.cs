using System.Buffers;
using System.Runtime.InteropServices;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Transport;

/// <summary>
/// Messages with chunks to use again, so that receiving a tensor allocates nothing. Thread-safe: all calls of a process share it.
/// </summary>
/// <typeparam name="TMessage">The message that holds the chunk.</typeparam>
/// <param name="wrap">Makes one.</param>
/// <param name="chunkOf">Its chunk; null for any other message.</param>
internal sealed class ReceivedChunks<TMessage>(Func<Chunk, TMessage> wrap, Func<TMessage, Chunk?> chunkOf)
    where TMessage : class
{
    /// <summary>More are only there while many calls receive at once.</summary>
    private const int MaximumKept = 64;

    private readonly Lock _gate = new();
    private readonly Stack<TMessage> _free = new(MaximumKept);

    /// <summary>A message with a copy of the data; it goes back with <see cref="Return"/>, or to the collector.</summary>
    public TMessage Rent(uint partial, in ReadOnlySequence<byte> data)
    {
        var message = Take() ?? wrap(new Chunk { Lent = GC.AllocateUninitializedArray<byte>(Math.Max((int)data.Length, Protocol.ChunkBytes)) });
        var chunk = chunkOf(message)!;
        var length = (int)data.Length;
        if (chunk.Lent!.Length < length)
        {
            chunk.Lent = GC.AllocateUninitializedArray<byte>(length);
            chunk.Data = ByteString.Empty;
        }

        // Almost all chunks are of one length, whose wrapping is there already.
        if (chunk.Data.Length != length)
        {
            chunk.Data = UnsafeByteOperations.UnsafeWrap(chunk.Lent.AsMemory(0, length));
        }

        chunk.Partial = partial;
        data.CopyTo(chunk.Lent);
        return message;
    }

    /// <summary>Takes back a message whose chunk nobody will read any more; any other message is left alone.</summary>
    public void Return(TMessage message)
    {
        if (chunkOf(message) is not { Lent: not null })
        {
            return;
        }

        lock (_gate)
        {
            if (_free.Count < MaximumKept)
            {
                _free.Push(message);
            }
        }
    }

    private TMessage? Take()
    {
        lock (_gate)
        {
            return _free.TryPop(out var message) ? message : null;
        }
    }
}
