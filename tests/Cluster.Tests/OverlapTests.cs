using DistTrain.Coordinator;
using DistTrain.Core.Models;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace DistTrain.Cluster.Tests;

/// <summary>Layers large enough to be sent one by one, up and down, while others are still being computed; with buffers, which come last.</summary>
public sealed class OverlapTests
{
    private static readonly RunSpec Spec = SmallRun.Spec(steps: 9) with
    {
        Model = ModelCatalog.MultiLayer("layers", [300, 300, 60], batchNormalization: true),
    };

    private static readonly CoordinatorOptions OverTheWire = new() { StartTimeout = TimeSpan.FromSeconds(30), SharedMemoryDirectory = null };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Run_LayersSentOneByOne_EndsInTheSingleProcessHash(int workers)
    {
        await using var cluster = await TestCluster.StartAsync(Spec, OverTheWire with { WorkersToStart = workers });
        for (var i = 0; i < workers; i++)
        {
            cluster.StartWorker();
        }

        Assert.Equal(SmallRun.SingleProcessHash(Spec), await cluster.FinalHashAsync());

        Assert.Empty(cluster.Lost);
    }

    /// <summary>Row P2: the connection ends when some layers of a partial have come and others are still being computed.</summary>
    [Fact]
    public async Task Run_WorkerLostInMidSend_EndsInTheSingleProcessHash()
    {
        await using var cluster = await TestCluster.StartAsync(Spec, OverTheWire with { WorkersToStart = 2 });
        cluster.StartLocalWorker();
        var fault = new BreaksOff(afterChunks: 15);
        _ = cluster.StartLocalWorker(options => options with { Interceptor = fault, ReconnectTimeout = TimeSpan.FromSeconds(30) }, TimeProvider.System, CancellationToken.None);

        Assert.Equal(SmallRun.SingleProcessHash(Spec), await cluster.FinalHashAsync());

        Assert.True(fault.HasBroken);
        Assert.True(fault.HadNotEnded);
        Assert.NotEmpty(cluster.Lost);
    }

    /// <summary>Once, instead of writing a chunk, ends the call.</summary>
    private sealed class BreaksOff(int afterChunks) : Interceptor
    {
        private int _chunks;
        private int _onTheirWay;

        public bool HasBroken { get; private set; }

        public bool HadNotEnded { get; private set; }

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
        {
            var call = continuation(context);
            var writer = new Writer(this, (IClientStreamWriter<WorkerMessage>)(object)call.RequestStream);
            return new AsyncDuplexStreamingCall<TRequest, TResponse>(
                (IClientStreamWriter<TRequest>)(object)writer, call.ResponseStream, call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
        }

        private void Look(WorkerMessage message)
        {
            _onTheirWay += message.Partial is not null ? 1 : message.PartialEnd is not null ? -1 : 0;
            if (message.Chunk is not null && ++_chunks > afterChunks && !HasBroken)
            {
                (HasBroken, HadNotEnded) = (true, _onTheirWay > 0);
                throw new IOException("broken off");
            }
        }

        private sealed class Writer(BreaksOff fault, IClientStreamWriter<WorkerMessage> inner) : IClientStreamWriter<WorkerMessage>
        {
            public WriteOptions? WriteOptions
            {
                get => inner.WriteOptions;
                set => inner.WriteOptions = value;
            }

            public Task WriteAsync(WorkerMessage message) => WriteAsync(message, CancellationToken.None);

            public Task WriteAsync(WorkerMessage message, CancellationToken cancellationToken)
            {
                fault.Look(message);
                return inner.WriteAsync(message, cancellationToken);
            }

            public Task CompleteAsync() => inner.CompleteAsync();
        }
    }
}
