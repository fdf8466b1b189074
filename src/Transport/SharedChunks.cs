using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Transport;

/// <summary>
/// The chunks of a tensor that many streams send from the same memory, made once. The memory may be exchanged for another while they do: a stream that is
/// writing a chunk at that moment finishes it, and takes the next from the new place.
/// </summary>
public sealed class SharedChunks
{
    private readonly Chunk[] _chunks;
    private readonly int _length;
    private int _readers;

    /// <summary>Over memory of any length.</summary>
    public SharedChunks(ReadOnlyMemory<byte> memory)
    {
        _length = memory.Length;
        _chunks = [.. Transport.Chunks.Of(memory)];
        foreach (var chunk in _chunks)
        {
            chunk.Shared = this;
        }
    }

    /// <summary>The chunks, in order: the same objects whatever memory they are of.</summary>
    public IReadOnlyList<Chunk> Chunks => _chunks;

    /// <summary>
    /// From now on the chunks are of this memory. When it returns, nobody reads the one before any more; it waits for as long as it takes to copy a chunk.
    /// Not for two threads at once.
    /// </summary>
    /// <param name="memory">As long as the one before; it holds the same bytes while anybody still sends.</param>
    public void MoveTo(ReadOnlyMemory<byte> memory)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(memory.Length, _length);
        var start = 0;
        foreach (var chunk in _chunks)
        {
            var length = chunk.Data.Length;
            chunk.Data = UnsafeByteOperations.UnsafeWrap(memory.Slice(start, length));
            start += length;
        }

        // Whoever counts itself after this barrier finds the new memory; whoever was counted before it is waited for.
        Interlocked.MemoryBarrier();
        var spin = default(SpinWait);
        while (Volatile.Read(ref _readers) != 0)
        {
            spin.SpinOnce();
        }
    }

    /// <summary>A stream begins to copy a chunk's data, which it asks for only now.</summary>
    internal void BeginReading() => Interlocked.Increment(ref _readers);

    /// <summary>It has copied them.</summary>
    internal void EndReading() => Interlocked.Decrement(ref _readers);
}
