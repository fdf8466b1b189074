using System.Buffers;
using Grpc.Core;

namespace DistTrain.Transport.Tests;

/// <summary>What a serializer writes.</summary>
/// <param name="asked">Called whenever it asks for room, with how often it has; may be null.</param>
internal sealed class Written(Action<int>? asked = null) : SerializationContext, IBufferWriter<byte>
{
    private readonly ArrayBufferWriter<byte> _writer = new();
    private int _length = -1;
    private bool _isComplete;
    private int _asked;

    /// <summary>The bytes; they are as many as were announced.</summary>
    public byte[] Bytes => _isComplete && _length == _writer.WrittenCount
        ? _writer.WrittenSpan.ToArray()
        : throw new InvalidOperationException($"{_length} bytes were announced and {_writer.WrittenCount} written; complete: {_isComplete}.");

    public override void SetPayloadLength(int payloadLength) => _length = payloadLength;

    public override IBufferWriter<byte> GetBufferWriter() => this;

    public override void Complete() => _isComplete = true;

    public void Advance(int count) => _writer.Advance(count);

    public Memory<byte> GetMemory(int sizeHint = 0) => _writer.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        asked?.Invoke(++_asked);
        return _writer.GetSpan(sizeHint);
    }
}

/// <summary>Bytes in pieces.</summary>
internal sealed class Segments : ReadOnlySequenceSegment<byte>
{
    private Segments(ReadOnlyMemory<byte> memory, long start) => (Memory, RunningIndex) = (memory, start);

    /// <summary>The bytes in segments of a length.</summary>
    public static ReadOnlySequence<byte> Of(byte[] bytes, int length)
    {
        Segments? first = null;
        Segments? last = null;
        for (var start = 0; start < bytes.Length; start += Math.Min(length, bytes.Length - start))
        {
            var next = new Segments(bytes.AsMemory(start, Math.Min(length, bytes.Length - start)), start);
            first ??= next;
            if (last is not null)
            {
                last.Next = next;
            }

            last = next;
        }

        return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }
}
