namespace DistTrain.Transport;

/// <summary>What a chunk did to the tensor being received.</summary>
public enum ChunkStatus
{
    /// <summary>Taken; more must come.</summary>
    Incomplete,

    /// <summary>Taken; the tensor has its declared length. Its checksum is to be verified now.</summary>
    Complete,

    /// <summary>No tensor was announced, or it was complete already.</summary>
    Unexpected,

    /// <summary>The chunk is empty or above <see cref="Protocol.MaximumChunkBytes"/>.</summary>
    WrongSize,

    /// <summary>The chunk goes beyond the declared length.</summary>
    BeyondLength,
}

/// <summary>
/// Receives the chunks of one announced tensor after the other into memory that the caller provides once the declared length has been checked.
/// A refusal (anything but the first two of <see cref="ChunkStatus"/>) writes nothing; the stream is broken then and must end.
/// </summary>
public sealed class ChunkReader
{
    private Memory<byte> _destination;
    private bool _isDiscarding;
    private long _length;
    private long _received;

    /// <summary>True between the announcement of a tensor and its last chunk.</summary>
    public bool IsReceiving => _received < _length;

    /// <summary>How many bytes of the current tensor have come.</summary>
    public long Received => _received;

    /// <summary>A tensor of exactly the destination's length is announced.</summary>
    /// <exception cref="InvalidOperationException">The one before is not complete.</exception>
    public void Begin(Memory<byte> destination)
    {
        Start(destination.Length);
        _destination = destination;
        _isDiscarding = false;
    }

    /// <summary>A tensor that nobody wants is announced: its chunks are counted and dropped.</summary>
    /// <exception cref="InvalidOperationException">The one before is not complete.</exception>
    public void BeginDiscarding(long length)
    {
        Start(length);
        _destination = default;
        _isDiscarding = true;
    }

    /// <summary>Gives up the current tensor.</summary>
    public void Abandon()
    {
        _destination = default;
        _length = _received = 0;
    }

    /// <summary>Takes a chunk.</summary>
    public ChunkStatus Accept(ReadOnlySpan<byte> chunk)
    {
        if (!IsReceiving)
        {
            return ChunkStatus.Unexpected;
        }

        if (chunk.Length is 0 or > Protocol.MaximumChunkBytes)
        {
            return ChunkStatus.WrongSize;
        }

        if (chunk.Length > _length - _received)
        {
            return ChunkStatus.BeyondLength;
        }

        if (!_isDiscarding)
        {
            chunk.CopyTo(_destination.Span[(int)_received..]);
        }

        _received += chunk.Length;
        if (IsReceiving)
        {
            return ChunkStatus.Incomplete;
        }

        _destination = default;
        return ChunkStatus.Complete;
    }

    private void Start(long length)
    {
        if (IsReceiving)
        {
            throw new InvalidOperationException($"A tensor was announced while {_length - _received} bytes of the one before are missing.");
        }

        _length = length;
        _received = 0;
    }
}
