using System.Net;
using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistTrain.Cluster.Tests;

/// <summary>A worker spoken by hand, message by message: honest where it is asked to be, and anything else where a test wants that.</summary>
internal sealed class StubWorker : IAsyncDisposable
{
    public const string Host = "stub";

    private readonly GrpcChannel _channel;
    private readonly Training.TrainingClient _client;
    private readonly AsyncDuplexStreamingCall<WorkerMessage, CoordinatorMessage> _call;
    private readonly CancellationTokenSource _end = new();
    private readonly ChunkReader _chunks = new();
    private Task _heart = Task.CompletedTask;
    private AlignedBuffer<float>? _parameters;
    private bool _isDisposed;

    private StubWorker(IPEndPoint coordinator)
    {
        _channel = GrpcChannel.ForAddress($"http://{coordinator}", new GrpcChannelOptions { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
        _client = new Training.TrainingClient(_channel);
        _call = _client.Attach();
    }

    public Welcome Welcome { get; private set; } = new();

    public RunSpec Spec { get; private set; } = SmallRun.Spec(1);

    /// <summary>Connected; nothing is said yet.</summary>
    public static StubWorker Connect(IPEndPoint coordinator) => new(coordinator);

    /// <summary>Welcome, and ready for leases; its heart beats.</summary>
    public static async Task<StubWorker> JoinAsync(IPEndPoint coordinator)
    {
        var stub = new StubWorker(coordinator);
        await stub.GreetAsync();
        await stub.SendAsync(new WorkerMessage { Ready = new Ready() });
        return stub;
    }

    /// <summary>A hello that is right in every field.</summary>
    public static Hello Hello(string name = "") => new()
    {
        ProtocolVersion = Protocol.Version,
        BuildVersion = Protocol.BuildVersion,
        NumericsRevision = RunSpec.CurrentNumericsRevision,
        Threads = 1,
        Host = Host,
        Name = name,
        ProcessId = 1,
        KnownAnswer = ByteString.CopyFrom(KnownAnswer.Compute(VectorKernels.Best)),
    };

    /// <summary>Says hello and is welcome; its heart beats.</summary>
    public async Task GreetAsync()
    {
        await SendAsync(new WorkerMessage { Hello = Hello() });
        Welcome = (await ReceiveAsync())!.Welcome;
        Spec = SpecJson.ReadRun(Welcome.RunSpecJson, "the run");
        _heart = BeatAsync();
    }

    /// <summary>Joins if it may, under a name that it keeps, or under none.</summary>
    /// <returns>False if it was refused, or there is nobody.</returns>
    public async Task<bool> TryJoinAsync(string name = "")
    {
        try
        {
            await SendAsync(new WorkerMessage { Hello = Hello(name) });
            await SendAsync(new WorkerMessage { Ready = new Ready() });
            return await ReceiveAsync() is { Welcome: not null };
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            return false;
        }
    }

    public Task SendAsync(WorkerMessage message) => _call.RequestStream.WriteAsync(message);

    public Task SendAsync(ReadOnlyMemory<byte> chunk) => SendAsync(new WorkerMessage { Chunk = new Chunk { Partial = StubPartial.Number, Data = UnsafeByteOperations.UnsafeWrap(chunk) } });

    /// <summary>The next message; null if the call has ended, whatever the way.</summary>
    public async Task<CoordinatorMessage?> ReceiveAsync()
    {
        using var deadline = new CancellationTokenSource(TestCluster.Patience, TimeProvider.System);
        try
        {
            return await _call.ResponseStream.MoveNext(deadline.Token) ? _call.ResponseStream.Current : null;
        }
        catch (Exception e) when (e is RpcException or IOException && !deadline.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>The next lease, with the parameters before it received; null if the call has ended.</summary>
    public async Task<LeaseGranted?> LeaseAsync() => (await UntilAsync(message => message.Lease is not null))?.Lease;

    /// <summary>The first lease of a version.</summary>
    public async Task<LeaseGranted?> LeaseOfAsync(ulong version) => (await UntilAsync(message => message.Lease?.Version == version))?.Lease;

    /// <summary>The next answer to a partial; null if the call has ended.</summary>
    public async Task<PartialAnswer?> AnswerAsync() => (await UntilAsync(message => message.Answer is not null))?.Answer;

    /// <summary>Reads until the call ends.</summary>
    public Task EndAsync() => UntilAsync(_ => false);

    /// <summary>The partials of a lease, as an honest worker would announce and send them.</summary>
    public IReadOnlyList<StubPartial> Compute(LeaseGranted lease)
    {
        using var pools = new PartialPools(_parameters!.Length);
        using var computation = new ShardComputation(Spec, VectorKernels.Best, 1, pools);
        unsafe
        {
            computation.UseParameters(_parameters.Pointer);
        }

        var range = new ShardRange((int)lease.FirstShard, (int)lease.EndShard);
        var partials = new List<Partial>();
        if (lease.Kind == Transport.Wire.RoundKind.Training)
        {
            var batch = Sampler.Batch((long)lease.Version, Spec.Dataset.TrainCount, Spec.BatchSize);
            var order = Sampler.Permutation(Spec.Seed, batch.Epoch, Spec.Dataset.TrainCount);
            computation.ComputeGradients(SmallRun.Dataset.Train, order, batch, (int)lease.ShardCount, range, partials);
        }
        else
        {
            computation.Evaluate(SmallRun.Dataset.Test, (int)lease.ShardCount, range, partials);
        }

        var result = partials.ConvertAll(partial => Announce(lease, partial));
        partials.ForEach(partial => partial.Dispose());
        return result;
    }

    /// <summary>Sends one partial whole.</summary>
    public async Task DeliverAsync(StubPartial partial)
    {
        foreach (var message in partial.Messages())
        {
            await SendAsync(message);
        }
    }

    /// <summary>Sends a message to a coordinator that may have ended the call.</summary>
    public async Task TrySendAsync(WorkerMessage message)
    {
        try
        {
            await SendAsync(message);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // It has.
        }
    }

    /// <summary>The same for a partial.</summary>
    public async Task TryDeliverAsync(StubPartial partial)
    {
        foreach (var message in partial.Messages())
        {
            await TrySendAsync(message);
        }
    }

    /// <summary>Computes and delivers a lease.</summary>
    public async Task DeliverAsync(LeaseGranted lease)
    {
        foreach (var partial in Compute(lease))
        {
            await DeliverAsync(partial);
        }
    }

    /// <summary>Gone without a word.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _end.CancelAsync();
        _call.Dispose();
        await _heart.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _channel.Dispose();
        _parameters?.Dispose();
        _end.Dispose();
    }

    private StubPartial Announce(LeaseGranted lease, Partial partial)
    {
        var gradient = TensorBytes.Of(partial.Gradient).ToArray();
        var header = new PartialHeader
        {
            Incarnation = Welcome.Incarnation,
            LeaseId = lease.LeaseId,
            Kind = lease.Kind,
            Version = lease.Version,
            ParametersVersion = lease.Version,
            FirstShard = (uint)partial.Node.Start,
            EndShard = (uint)partial.Node.End,
            SampleCount = (uint)partial.SampleCount,
            LengthBytes = (ulong)gradient.Length,
            Number = StubPartial.Number,
        };
        var end = new PartialEnd { Number = StubPartial.Number, LossSum = partial.LossSum, CorrectCount = (uint)partial.CorrectCount };
        return new StubPartial(header, end, gradient).Sealed();
    }

    /// <summary>Reads until the wanted message is there, and all of the parameters that it has overtaken.</summary>
    private async Task<CoordinatorMessage?> UntilAsync(Func<CoordinatorMessage, bool> isWanted)
    {
        CoordinatorMessage? wanted = null;
        while (await ReceiveAsync() is { } message)
        {
            if (message.Parameters is { } header)
            {
                _chunks.Abandon();
                _parameters ??= new AlignedBuffer<float>((int)(header.LengthBytes / sizeof(float)));
                _chunks.Begin(TensorBytes.Of(_parameters));
            }
            else if (message.Chunk is { } chunk)
            {
                _chunks.Accept(chunk.Data.Span);
            }

            wanted = isWanted(message) ? message : wanted;
            if (wanted is not null && !_chunks.IsReceiving)
            {
                return wanted;
            }
        }

        return null;
    }

    private async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(Welcome.HeartbeatIntervalMilliseconds), TimeProvider.System);
        var request = new HeartbeatRequest { Incarnation = Welcome.Incarnation, WorkerId = Welcome.WorkerId };
        while (await timer.WaitForNextTickAsync(_end.Token))
        {
            await _client.HeartbeatAsync(request, cancellationToken: _end.Token);
        }
    }
}
