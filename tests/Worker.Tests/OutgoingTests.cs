using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Grpc.Core;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Worker.Tests;

/// <summary>What is written of partials while and after they are computed.</summary>
public sealed class OutgoingTests : IDisposable
{
    private const int Length = 3 * Protocol.ChunkBytes / sizeof(float);
    private const int ChunkLength = Protocol.ChunkBytes / sizeof(float);

    private static readonly Lease Lease = new(5, 1, new Round(RoundKind.Training, 2, 4), new ShardRange(1, 4));

    private readonly PartialPools _pools = new(Length + 4);
    private readonly Outgoing _outgoing = new();
    private readonly PartialSender _sender;

    public OutgoingTests() => _sender = new PartialSender(_outgoing, 9, _pools, Length);

    public void Dispose() => _pools.Dispose();

    [Fact]
    public async Task Advance_TwoPartials_SendsWhatIsFinalSideBySideAndTheRestAtTheEnd()
    {
        var (first, second) = (Rent(1, 2), Rent(2, 4));
        foreach (var firstElement in (int[])[Length - 10, ChunkLength + 1, ChunkLength])
        {
            _sender.Advance(Lease, first, firstElement);
            _sender.Advance(Lease, second, firstElement);
        }

        _sender.End(Lease, first, TimeSpan.FromSeconds(1));
        _sender.End(Lease, second, TimeSpan.FromSeconds(1));
        var sent = await SentAsync();

        // Three chunks of parameters and one of buffers each; the second from the end waits until all of it is final.
        Assert.Equal(
            ["header 1", "header 2", "chunk 1 !", "chunk 2 !", "chunk 1 !", "chunk 2 !", "chunk 1", "chunk 1", "end 1 !", "chunk 2", "chunk 2", "end 2 !"],
            sent.Select(message => message.Text));
        foreach (var (number, value) in ((uint, int)[])[(1, 1), (2, 2)])
        {
            var received = new byte[(Length + 4) * sizeof(float)];
            var reader = new GradientReader(received, Length * sizeof(float));
            foreach (var (message, _) in sent)
            {
                if (message.Chunk?.Partial == number)
                {
                    reader.Accept(message.Chunk.Data.Span);
                }
            }

            Assert.True(reader.IsComplete);
            var header = sent.Select(message => message.Message.Partial).Single(header => header?.Number == number)!;
            var end = sent.Select(message => message.Message.PartialEnd).Single(end => end?.Number == number)!;
            Assert.Equal(end.Checksum, Checksum.Of(header, end, received));
            Assert.Equal((uint)value, header.FirstShard);
        }
    }

    /// <summary>(4.5) A lease revoked in mid-send: the coordinator hears that no more comes, and the memory serves the next one from its beginning.</summary>
    [Fact]
    public async Task Drop_HalfSent_IsAbandonedAndTheMemoryIsUsedAgain()
    {
        var half = Rent(1, 2);
        _sender.Advance(Lease, half, ChunkLength);
        _sender.Drop(Lease, half);
        var unsent = Rent(2, 4);
        _sender.Drop(Lease, unsent);
        Assert.Same(unsent, _pools.Training.Rent());
        Assert.Equal(["header 1", "chunk 1", "chunk 1 !", "abandoned 1 !"], (await SentAsync(isLast: false)).Select(message => message.Text));

        Assert.Same(half, Rent(1, 2));
        _sender.End(Lease, half, TimeSpan.Zero);
        Assert.Equal(
            ["header 1", "chunk 1", "chunk 1", "chunk 1", "chunk 1", "end 1 !"], (await SentAsync()).Select(message => message.Text));
        unsent.Dispose();
    }

    private Partial Rent(int first, int end)
    {
        var partial = _pools.Training.Rent();
        partial.Node = new ShardRange(first, end);
        partial.Gradient.Span.Fill(first);
        return partial;
    }

    /// <summary>What is queued, as it is written.</summary>
    private async Task<List<(WorkerMessage Message, string Text)>> SentAsync(bool isLast = true)
    {
        var stream = new Stream();
        if (isLast)
        {
            _outgoing.Close();
            await _outgoing.PumpAsync(stream, CancellationToken.None);
            return stream.Written;
        }

        using var stop = new CancellationTokenSource();
        _outgoing.Send(new WorkerMessage());
        stream.OnNothing = stop.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _outgoing.PumpAsync(stream, stop.Token));
        return stream.Written;
    }

    private sealed class Stream : IClientStreamWriter<WorkerMessage>
    {
        public List<(WorkerMessage Message, string Text)> Written { get; } = [];

        public Action? OnNothing { get; set; }

        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(WorkerMessage message)
        {
            if (message.KindCase == WorkerMessage.KindOneofCase.None)
            {
                OnNothing?.Invoke();
                return Task.CompletedTask;
            }

            var text = message.KindCase switch
            {
                WorkerMessage.KindOneofCase.Partial => $"header {message.Partial.Number}",
                WorkerMessage.KindOneofCase.Chunk => $"chunk {message.Chunk.Partial}",
                WorkerMessage.KindOneofCase.PartialEnd => $"end {message.PartialEnd.Number}",
                _ => $"abandoned {message.PartialAbandoned.Number}",
            };
            Written.Add((message.Clone(), (WriteOptions!.Flags & WriteFlags.BufferHint) == 0 ? $"{text} !" : text));
            return Task.CompletedTask;
        }

        public Task WriteAsync(WorkerMessage message, CancellationToken cancellationToken) => WriteAsync(message);

        public Task CompleteAsync() => Task.CompletedTask;
    }
}
