using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Transport;

/// <summary>Cuts a tensor into chunks.</summary>
public static class Chunks
{
    /// <summary>
    /// The chunks of <paramref name="data"/>, in order; none if it is empty. Nothing is copied: the data must not change before the last one
    /// has been written.
    /// </summary>
    public static IEnumerable<Chunk> Of(ReadOnlyMemory<byte> data)
    {
        for (var start = 0; start < data.Length; start += Protocol.ChunkBytes)
        {
            var length = Math.Min(Protocol.ChunkBytes, data.Length - start);
            yield return new Chunk { Data = UnsafeByteOperations.UnsafeWrap(data.Slice(start, length)) };
        }
    }
}
