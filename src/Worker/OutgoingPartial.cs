using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker;

/// <summary>
/// A partial and the messages with its chunks, made once over its own memory: partials are few and come again. Belongs to the pump while it is queued.
/// </summary>
internal sealed class OutgoingPartial
{
    /// <summary>A first byte before which nothing is left: the buffers, which are sent after the parameters, included.</summary>
    public const int All = -1;

    private readonly (int Start, WorkerMessage Message)[] _chunks;
    private readonly int _parameterBytes;
    private int _next;

    /// <summary>Over a partial.</summary>
    /// <param name="partial">The partial.</param>
    /// <param name="parameterBytes">Where parameters end and buffers begin in its gradient.</param>
    /// <param name="number">By which the coordinator knows it.</param>
    public OutgoingPartial(Partial partial, int parameterBytes, uint number)
    {
        (Partial, Number, _parameterBytes) = (partial, number, parameterBytes);
        _chunks = [.. Chunks.FromTheEnd(TensorBytes.Of(partial.Gradient), parameterBytes, number).Select(chunk => (chunk.Start, new WorkerMessage { Chunk = chunk.Chunk }))];
    }

    /// <summary>The sums.</summary>
    public Partial Partial { get; }

    /// <summary><see cref="PartialHeader.Number"/></summary>
    public uint Number { get; }

    /// <summary>Whose sender it is: what was announced; null while it is not on its way.</summary>
    public PartialHeader? Header { get; set; }

    /// <summary>Whether a chunk is left that lies in <c>[firstByte, parameter bytes)</c>, or any for <see cref="All"/>.</summary>
    public bool HasNext(int firstByte) => _next < _chunks.Length
        && (firstByte == All || (_chunks[_next].Start >= firstByte && _chunks[_next].Start < _parameterBytes));

    /// <summary>The next of those chunks; null if there is none.</summary>
    public WorkerMessage? Next(int firstByte) => HasNext(firstByte) ? _chunks[_next++].Message : null;

    /// <summary>It was sent or given up; the next to use it begins anew.</summary>
    public void Rewind() => _next = 0;
}
