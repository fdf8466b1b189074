using System.Threading.Channels;
using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Coordinator.Tests;

public sealed class OutboxTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>What a worker that does not read makes wait is bounded: a lease that was revoked before it was sent is never sent.</summary>
    [Fact]
    public void SendLease_OneStillWaits_ReplacesIt()
    {
        var outbox = new Outbox();
        outbox.SendLease(Lease(1));
        outbox.Send(new CoordinatorMessage { Revoked = new LeaseRevoked { LeaseId = 1 } });
        outbox.SendLease(Lease(2));

        Assert.Equal((0, 1, 1), outbox.Waiting);
        Assert.Equal([1UL, 2UL], outbox.Drain().Select(message => message.Revoked?.LeaseId ?? message.Lease.LeaseId));
    }

    [Fact]
    public void Drain_UntilTheNextIsAskedFor_TheMessageCountsAsBeingWritten()
    {
        var outbox = new Outbox();
        outbox.Send(Lease(1));
        outbox.Send(Lease(2));
        using var drain = outbox.Drain().GetEnumerator();
        Assert.True(drain.MoveNext());
        Assert.Equal(1, outbox.Writing);
        Assert.True(drain.MoveNext());
        Assert.Equal(2, outbox.Writing);
        Assert.False(drain.MoveNext());
        Assert.Equal(0, outbox.Writing);
    }

    /// <summary>Row N12: the worker reads one message of version 1, and then nothing until version 3 is out.</summary>
    [Fact]
    public async Task SendParameters_ToASlowReader_NewerOnesReplaceOlderOnesAndTheirLeases()
    {
        var outbox = new Outbox();
        var reader = new SlowReader();
        using var end = new CancellationTokenSource();
        outbox.SendParameters(Parameters(1, chunks: 3));
        outbox.SendLease(Lease(1));
        var pump = outbox.PumpAsync(reader, end.Token);
        Assert.Equal("parameters 1", await reader.ReadAsync());
        await reader.OffersAsync();
        outbox.SendParameters(Parameters(2, chunks: 3));
        outbox.SendLease(Lease(2));
        outbox.Send(new CoordinatorMessage { Revoked = new LeaseRevoked { LeaseId = 2 } });
        outbox.SendParameters(Parameters(3, chunks: 1));
        outbox.SendLease(Lease(3));
        outbox.SendLast(new CoordinatorMessage { RunEnded = new RunEnded() });
        outbox.SendLease(Lease(4));

        var rest = new List<string>();
        do
        {
            rest.Add(await reader.ReadAsync());
        }
        while (rest[^1] != "ended");

        // What is on its way is delivered, here the lease, which has overtaken the chunks; the rest of version 1, and all of version 2, is not; nothing comes after
        // the last message.
        Assert.Equal(["lease 1", "revoked 2", "parameters 3", "lease 3", "chunk of 3", "ended"], rest);
        await pump.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(0, outbox.Writing);
    }

    /// <summary>A lease granted while its parameters are being sent does not wait for their end; what comes behind it does, and so does a lease behind that.</summary>
    [Fact]
    public async Task SendLease_InMidParameters_OvertakesThem()
    {
        var outbox = new Outbox();
        var reader = new SlowReader();
        using var end = new CancellationTokenSource();
        outbox.SendParameters(Parameters(1, chunks: 3));
        var pump = outbox.PumpAsync(reader, end.Token);
        Assert.Equal("parameters 1", await reader.ReadAsync());
        await reader.OffersAsync();
        outbox.SendLease(Lease(1));
        outbox.Send(new CoordinatorMessage { Revoked = new LeaseRevoked { LeaseId = 1 } });
        outbox.SendLease(Lease(2));
        outbox.SendLast(new CoordinatorMessage { RunEnded = new RunEnded() });

        var rest = new List<string>();
        do
        {
            rest.Add(await reader.ReadAsync());
        }
        while (rest[^1] != "ended");

        // Lease 1 was replaced by lease 2 unless it had gone out already.
        Assert.Equal(["chunk of 1", "chunk of 1", "chunk of 1", "revoked 1", "lease 2", "ended"], rest.Where(message => message != "lease 1"));
        Assert.DoesNotContain("lease 1", rest.Skip(2));
        await pump.WaitAsync(Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Writing_WhileNobodyReads_StaysTheSame()
    {
        var outbox = new Outbox();
        var reader = new SlowReader();
        using var end = new CancellationTokenSource();
        Assert.Equal(0, outbox.Writing);
        outbox.Send(Lease(1));
        outbox.Send(Lease(2));
        var pump = outbox.PumpAsync(reader, end.Token);
        await reader.OffersAsync();
        Assert.Equal(1, outbox.Writing);
        await reader.ReadAsync();
        await reader.OffersAsync();
        Assert.Equal(2, outbox.Writing);

        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pump.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void IsOverfull_ManyMessagesWaiting_SaysSo()
    {
        var outbox = new Outbox();
        for (var i = 0; i < 4096; i++)
        {
            outbox.Send(Lease(1));
        }

        Assert.False(outbox.IsOverfull);
        outbox.Send(Lease(1));
        Assert.True(outbox.IsOverfull);
    }

    private static CoordinatorMessage[] Parameters(ulong version, int chunks) =>
    [
        new CoordinatorMessage { Parameters = new ParametersHeader { Version = version } },
        .. Enumerable.Repeat(new CoordinatorMessage { Chunk = new Chunk { Data = Google.Protobuf.ByteString.CopyFrom((byte)version) } }, chunks),
    ];

    private static CoordinatorMessage Lease(ulong id) => new() { Lease = new LeaseGranted { LeaseId = id } };

    /// <summary>A stream on which a write is done when the test reads it.</summary>
    private sealed class SlowReader : IServerStreamWriter<CoordinatorMessage>
    {
        private readonly Channel<(CoordinatorMessage Message, TaskCompletionSource Read)> _written = Channel.CreateUnbounded<(CoordinatorMessage, TaskCompletionSource)>();

        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(CoordinatorMessage message) => WriteAsync(message, CancellationToken.None);

        public Task WriteAsync(CoordinatorMessage message, CancellationToken cancellationToken)
        {
            var read = new TaskCompletionSource();
            _written.Writer.TryWrite((message, read));
            return read.Task.WaitAsync(cancellationToken);
        }

        /// <summary>A message waits to be read.</summary>
        public async Task OffersAsync() => await _written.Reader.WaitToReadAsync().AsTask().WaitAsync(Patience);

        public async Task<string> ReadAsync()
        {
            var (message, read) = await _written.Reader.ReadAsync().AsTask().WaitAsync(Patience);
            read.SetResult();
            return message.KindCase switch
            {
                CoordinatorMessage.KindOneofCase.Parameters => $"parameters {message.Parameters.Version}",
                CoordinatorMessage.KindOneofCase.Chunk => $"chunk of {message.Chunk.Data[0]}",
                CoordinatorMessage.KindOneofCase.Lease => $"lease {message.Lease.LeaseId}",
                CoordinatorMessage.KindOneofCase.Revoked => $"revoked {message.Revoked.LeaseId}",
                _ => "ended",
            };
        }
    }
}
