using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Cluster.Tests;

/// <summary>A partial as a stub says it: one at a time, so that one number does for all. The models of the tests have no buffers.</summary>
internal sealed record StubPartial(PartialHeader Header, PartialEnd End, byte[] Gradient)
{
    public const uint Number = 1;

    /// <summary>The messages, in order.</summary>
    public IEnumerable<WorkerMessage> Messages() =>
    [
        new() { Partial = Header },
        .. Chunks.FromTheEnd(Gradient, Gradient.Length, Header.Number).Select(chunk => new WorkerMessage { Chunk = chunk.Chunk }),
        new() { PartialEnd = End },
    ];

    /// <summary>The same with a checksum that fits.</summary>
    public StubPartial Sealed()
    {
        var end = End.Clone();
        end.Checksum = Checksum.Of(Header, end, Gradient);
        return this with { End = end };
    }

    /// <summary>The same under another number.</summary>
    public StubPartial Numbered(uint number) => WithHeader(header => header.Number = number).WithEnd(end => end.Number = number);

    /// <summary>The same with something else in its header; its checksum no longer fits.</summary>
    public StubPartial WithHeader(Action<PartialHeader> change)
    {
        var other = this with { Header = Header.Clone() };
        change(other.Header);
        return other;
    }

    /// <summary>The same with something else in its end.</summary>
    public StubPartial WithEnd(Action<PartialEnd> change)
    {
        var other = this with { End = End.Clone() };
        change(other.End);
        return other;
    }

    /// <summary>The same with a bit of its gradient flipped.</summary>
    public StubPartial Flipped(int at)
    {
        var other = this with { Gradient = [.. Gradient] };
        other.Gradient[at] ^= 1;
        return other;
    }
}
