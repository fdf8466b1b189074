namespace DistTrain.Transport;

/// <summary>
/// Receives the chunks of one partial's gradient from its end (4.1), each byte once: a chunk ends where the one before began. A refusal (anything but
/// <see cref="ChunkStatus.Incomplete"/> and <see cref="ChunkStatus.Complete"/>) writes nothing; the stream is broken then and must end.
/// </summary>
public sealed class GradientReader
{
    private readonly Memory<byte> _destination;
    private readonly bool _isDiscarding;
    private readonly long _length;
    private readonly long _border;
    private bool _isAtBuffers;
    private long _first;
    private long _end;

    /// <summary>Into memory of exactly the tensor's length.</summary>
    /// <param name="destination">The tensor; empty in an evaluation, which is complete at once.</param>
    /// <param name="parameterBytes">Where parameters end and buffers begin; at most the tensor's length counts.</param>
    public GradientReader(Memory<byte> destination, long parameterBytes)
        : this(destination.Length, parameterBytes)
    {
        _destination = destination;
        _isDiscarding = false;
    }

    /// <summary>A tensor that nobody wants: its chunks are counted and dropped.</summary>
    public GradientReader(long length, long parameterBytes)
    {
        _isDiscarding = true;
        _length = length;
        _border = _end = Math.Min(length, parameterBytes);
        GoOnToBuffers();
    }

    /// <summary>Whether nothing more may come.</summary>
    public bool IsComplete => _end == _first;

    /// <summary>Takes a chunk.</summary>
    public ChunkStatus Accept(ReadOnlySpan<byte> chunk)
    {
        if (IsComplete)
        {
            return ChunkStatus.Unexpected;
        }

        if (chunk.Length is 0 or > Protocol.MaximumChunkBytes)
        {
            return ChunkStatus.WrongSize;
        }

        if (chunk.Length > _end - _first)
        {
            return ChunkStatus.BeyondLength;
        }

        _end -= chunk.Length;
        if (!_isDiscarding)
        {
            chunk.CopyTo(_destination.Span[(int)_end..]);
        }

        GoOnToBuffers();
        return IsComplete ? ChunkStatus.Complete : ChunkStatus.Incomplete;
    }

    /// <summary>After the parameters' first byte comes the tensor's last, if there are buffers between.</summary>
    private void GoOnToBuffers()
    {
        if (_end == 0 && !_isAtBuffers)
        {
            (_isAtBuffers, _first, _end) = (true, _border, _length);
        }
    }
}
