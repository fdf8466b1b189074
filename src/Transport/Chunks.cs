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

    /// <summary>
    /// The chunks of a partial's gradient in the order in which they are sent (4.1): from the end of the parameters to their beginning, then from the end of the
    /// tensor to the end of the parameters. Each with the place of its first byte.
    /// </summary>
    /// <param name="gradient">The whole tensor; empty in an evaluation, which has no chunks. Nothing is copied.</param>
    /// <param name="parameterBytes">Where parameters end and buffers begin; at most its length counts.</param>
    /// <param name="number">The partial's number.</param>
    public static IEnumerable<(int Start, Chunk Chunk)> FromTheEnd(ReadOnlyMemory<byte> gradient, int parameterBytes, uint number)
    {
        var border = Math.Min(parameterBytes, gradient.Length);
        return Part(0, border).Concat(Part(border, gradient.Length));

        IEnumerable<(int Start, Chunk Chunk)> Part(int first, int end)
        {
            while (end > first)
            {
                var start = Math.Max(first, end - Protocol.ChunkBytes);
                yield return (start, new Chunk { Partial = number, Data = UnsafeByteOperations.UnsafeWrap(gradient[start..end]) });
                end = start;
            }
        }
    }
}
