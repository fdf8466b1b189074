using System.Diagnostics.CodeAnalysis;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>How an attachment ended.</summary>
/// <param name="Outcome">What the worker ends with; null if it should attach again.</param>
/// <param name="Reason">For the log.</param>
/// <param name="WasWelcome">Whether the coordinator had welcomed the worker.</param>
internal sealed record AttachmentEnd(WorkerOutcome? Outcome, string Reason, bool WasWelcome);

/// <summary>One call of Attach, from the hello to its end. Numbers in comments are steps of docs/protocol.md.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "What one call owns, RunAsync frees at its end.")]
internal sealed class Attachment : IComputeListener
{
    private const int SilentDeadTimes = 10;

    private static readonly TimeSpan WelcomeDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodbyeDeadline = TimeSpan.FromSeconds(2);

    private readonly Clients _clients;
    private readonly WorkerOptions _options;
    private readonly byte[] _knownAnswer;
    private readonly DatasetCache _cache;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly Outgoing _outgoing = new();
    private readonly ChunkReader _chunks = new();
    private readonly TaskCompletionSource<Exception> _computeFailed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Welcome _welcome = new();
    private RunSpec? _spec;
    private PartialPools? _pools;
    private ComputeThread? _compute;
    private byte[]? _datasetBytes;
    private AlignedBuffer<float>? _parametersBuffer;
    private ParametersHeader _parametersHeader = new();
    private bool _isReady;

    public Attachment(Clients clients, WorkerOptions options, byte[] knownAnswer, DatasetCache cache, ILogger log, TimeProvider time)
    {
        _clients = clients;
        _options = options;
        _knownAnswer = knownAnswer;
        _cache = cache;
        _log = log;
        _time = time;
    }

    /// <summary>Attaches and works until the call ends or <paramref name="stop"/> asks to leave.</summary>
    /// <param name="patience">How long to wait for an answer at most.</param>
    /// <param name="stop">Asks to leave.</param>
    public async Task<AttachmentEnd> RunAsync(TimeSpan patience, CancellationToken stop)
    {
        using var abort = new CancellationTokenSource();
        using var call = _clients.Tensors.Attach(cancellationToken: abort.Token);
        var pump = _outgoing.PumpAsync(call.RequestStream, abort.Token);
        try
        {
            // (1.1)
            _outgoing.Send(new WorkerMessage { Hello = Hello() });
            if (await AwaitWelcomeAsync(call.ResponseStream, patience, stop) is not { } end)
            {
                return await WorkAsync(call.ResponseStream, pump, abort, stop);
            }

            await LeaveAsync(end.Reason, Task.CompletedTask, pump);
            return end;
        }
        catch (Exception e) when (e is RpcException or IOException or OperationCanceledException or InvalidOperationException or TimeoutException)
        {
            return stop.IsCancellationRequested
                ? new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Done, "asked to stop"), "asked to stop", _isReady)
                : new AttachmentEnd(null, e is RpcException rpc ? rpc.Status.Detail : e.Message, _spec is not null);
        }
        finally
        {
            _outgoing.Close();
            await abort.CancelAsync();
            await pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_compute is { } compute)
            {
                // Off the I/O threads: it waits for the lease being computed.
                await Task.Factory.StartNew(compute.Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }

            _parametersBuffer?.Dispose();
            _pools?.Dispose();
        }
    }

    void IComputeListener.Computed(Lease lease, Partial partial)
    {
        // (4.1)
        _options.Tamper?.Invoke(lease, partial);
        var bytes = TensorBytes.Of(partial.Gradient);
        var header = new PartialHeader
        {
            Incarnation = _welcome.Incarnation,
            LeaseId = (ulong)lease.Id,
            Kind = Rounds.ToWire(lease.Round.Kind),
            Version = (ulong)lease.Round.Version,
            ParametersVersion = (ulong)lease.Round.Version,
            FirstShard = (uint)partial.Node.Start,
            EndShard = (uint)partial.Node.End,
            SampleCount = (uint)partial.SampleCount,
            LossSum = partial.LossSum,
            CorrectCount = (uint)partial.CorrectCount,
            LengthBytes = (ulong)bytes.Length,
        };
        header.Checksum = Checksum.Of(header, bytes.Span);
        _outgoing.SendPartial(header, partial, _pools!.For(lease.Round.Kind));
    }

    void IComputeListener.Returned(long leaseId, ReturnReason reason)
    {
        // (4.4)
        Log.LeaseReturned(_log, leaseId, reason);
        _outgoing.Send(new WorkerMessage { LeaseReturned = new LeaseReturned { LeaseId = (ulong)leaseId, Reason = reason } });
    }

    void IComputeListener.Failed(Exception failure) => _computeFailed.TrySetResult(failure);

    private Hello Hello() => new()
    {
        ProtocolVersion = Protocol.Version,
        BuildVersion = Protocol.BuildVersion,
        NumericsRevision = RunSpec.CurrentNumericsRevision,
        Threads = (uint)_options.Threads,
        VectorBits = (uint)VectorWidth.Bits,
        Host = Environment.MachineName,
        ProcessId = (uint)Environment.ProcessId,
        DatasetDigests = { _cache.Digests() },
        KnownAnswer = ByteString.CopyFrom(_knownAnswer),
    };

    /// <summary>(1.2), (1.3) The first answer; null if the worker is welcome.</summary>
    /// <exception cref="TimeoutException">There is none in time.</exception>
    private async Task<AttachmentEnd?> AwaitWelcomeAsync(IAsyncStreamReader<CoordinatorMessage> responses, TimeSpan patience, CancellationToken stop)
    {
        if (!await AwaitAnswerAsync(responses, patience < WelcomeDeadline ? patience : WelcomeDeadline, stop))
        {
            return new AttachmentEnd(null, "the coordinator ended the call without an answer", false);
        }

        switch (responses.Current.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.Welcome:
                break;
            case CoordinatorMessage.KindOneofCase.Refused:
                var refused = responses.Current.Refused;
                var text = $"refused by the coordinator ({refused.Reason}): {refused.Text}";
                return new AttachmentEnd(refused.Transient ? null : new WorkerOutcome(WorkerOutcome.Refused, text), text, false);
            case CoordinatorMessage.KindOneofCase.RunEnded:
                return Ended(responses.Current.RunEnded);
            default:
                return new AttachmentEnd(null, $"the coordinator's first message was {responses.Current.KindCase}", false);
        }

        _welcome = responses.Current.Welcome;
        try
        {
            _spec = SpecJson.ReadRun(_welcome.RunSpecJson, "the coordinator's run");
        }
        catch (InvalidInputException e)
        {
            return new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Refused, e.Message), e.Message, false);
        }

        Log.Welcome(_log, _welcome.WorkerId, _spec.Model.Name, _spec.Dataset.Name);
        return null;
    }

    private async Task<bool> AwaitAnswerAsync(IAsyncStreamReader<CoordinatorMessage> responses, TimeSpan within, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(within, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            return await responses.MoveNext(either.Token);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException && deadline.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            throw new TimeoutException($"the coordinator has not answered within {within.TotalSeconds:0.###} s", e);
        }
    }

    private async Task<AttachmentEnd> WorkAsync(
        IAsyncStreamReader<CoordinatorMessage> responses, Task pump, CancellationTokenSource abort, CancellationToken stop)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = stop.Register(() => stopped.TrySetResult());
        var heartbeat = HeartbeatAsync(abort.Token);
        // Off this thread: looking for the dataset may take a second, in which the heart beats.
        await Task.Run(PrepareDataset, stop);
        var reading = ReadAsync(responses);
        var first = await Task.WhenAny(reading, heartbeat, pump, stopped.Task, _computeFailed.Task);
        if (first == stopped.Task)
        {
            await LeaveAsync("asked to stop", reading, pump);
            return new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Done, "asked to stop"), "asked to stop", true);
        }

        if (first == _computeFailed.Task)
        {
            var failure = await _computeFailed.Task;
            Log.ComputeFailed(_log, failure);
            await LeaveAsync($"computing failed: {failure.Message}", reading, pump);
            return new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Failed, failure.Message), failure.Message, true);
        }

        if (first == heartbeat)
        {
            return new AttachmentEnd(null, await heartbeat, true);
        }

        if (first == pump)
        {
            await pump;
        }

        var end = await reading;
        if (end.Outcome is not null)
        {
            // (6.2)
            await LeaveAsync("the run has ended", Task.CompletedTask, pump);
        }

        return end;
    }

    /// <summary>(6.2) Finishes the current lease, says goodbye and lets the coordinator end the call; each with its deadline.</summary>
    private async Task LeaveAsync(string reason, Task reading, Task pump)
    {
        try
        {
            if (_compute is { } compute)
            {
                compute.Stop();
                await compute.Idle.WaitAsync(_options.FinishTimeout, _time);
            }
        }
        catch (TimeoutException)
        {
            Log.LeaseLeft(_log, _options.FinishTimeout.TotalSeconds);
        }

        _outgoing.Send(new WorkerMessage { Goodbye = new Goodbye { Reason = reason } });
        _outgoing.Close();
        try
        {
            await Task.WhenAll(pump, reading).WaitAsync(GoodbyeDeadline, _time);
        }
        catch (Exception e) when (e is TimeoutException or RpcException or IOException or OperationCanceledException or InvalidOperationException)
        {
            // The coordinator is gone or slow: it will notice the end of the connection.
        }
    }

    /// <summary>(5.2) Sends signs of life until the coordinator no longer answers or knows this worker.</summary>
    private async Task<string> HeartbeatAsync(CancellationToken cancellation)
    {
        var deadTime = TimeSpan.FromMilliseconds(Math.Max(1, _welcome.DeadTimeMilliseconds));
        var request = new HeartbeatRequest { Incarnation = _welcome.Incarnation, WorkerId = _welcome.WorkerId };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(Math.Max(1, _welcome.HeartbeatIntervalMilliseconds)), _time);
        var answered = _time.GetTimestamp();
        do
        {
            try
            {
                using var deadline = new CancellationTokenSource(deadTime, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
                var reply = await _clients.Heartbeats.HeartbeatAsync(request, cancellationToken: either.Token);
                answered = _time.GetTimestamp();
                if (!reply.Known)
                {
                    return "the coordinator does not know this worker any more";
                }
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                if (_time.GetElapsedTime(answered) > deadTime * SilentDeadTimes)
                {
                    return $"the coordinator has not answered for {_time.GetElapsedTime(answered).TotalSeconds:0} s";
                }
            }
        }
        while (await timer.WaitForNextTickAsync(cancellation));
        return "cancelled";
    }

    /// <summary>(2.1) Finds the dataset here, or asks for it.</summary>
    private void PrepareDataset()
    {
        var spec = _spec!.Dataset;
        var dataset = _options.FindDataset?.Invoke(spec);
        if (dataset is not null && dataset.Digest != spec.Digest)
        {
            Log.OtherDataset(_log, dataset.Name, dataset.Digest, spec.Digest);
            dataset = null;
        }

        dataset ??= _cache.Read(spec);
        if (dataset is not null)
        {
            BeReady(dataset);
            return;
        }

        Log.AskingForDataset(_log, spec.Name, DatasetBytes.Length(spec));
        _outgoing.Send(new WorkerMessage { DatasetRequest = new DatasetRequest { Digest = spec.Digest } });
    }

    /// <summary>(2.3)</summary>
    private void BeReady(Dataset dataset)
    {
        _pools = new PartialPools(_spec!.Model.ParameterLayout().Length);
        _compute = new ComputeThread(_spec, dataset, _options.Threads, _pools, this);
        _isReady = true;
        _outgoing.Send(new WorkerMessage { Ready = new Ready() });
    }

    private async Task<AttachmentEnd> ReadAsync(IAsyncStreamReader<CoordinatorMessage> responses)
    {
        while (await responses.MoveNext())
        {
            var message = responses.Current;
            if (message.KindCase == CoordinatorMessage.KindOneofCase.RunEnded)
            {
                return Ended(message.RunEnded);
            }

            if (Take(message) is { } broken)
            {
                return new AttachmentEnd(null, $"the coordinator broke the protocol: {broken}", true);
            }
        }

        return new AttachmentEnd(null, "the coordinator ended the call", true);
    }

    private static AttachmentEnd Ended(RunEnded ended)
    {
        var reason = ended.Outcome == RunOutcome.Completed ? "the run is complete" : $"the run ended: {ended.Reason}";
        var exitCode = ended.Outcome is RunOutcome.Completed or RunOutcome.Stopped ? WorkerOutcome.Done : WorkerOutcome.Failed;
        return new AttachmentEnd(new WorkerOutcome(exitCode, reason), reason, true);
    }

    /// <summary>Takes one message.</summary>
    /// <returns>What is wrong with it; null if nothing is.</returns>
    private string? Take(CoordinatorMessage message)
    {
        switch (message.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.Dataset when !_isReady && _datasetBytes is null:
                return AnnounceDataset(message.Dataset);
            case CoordinatorMessage.KindOneofCase.Parameters when _isReady:
                return AnnounceParameters(message.Parameters);
            case CoordinatorMessage.KindOneofCase.Chunk:
                return _chunks.Accept(message.Chunk.Data.Span) switch
                {
                    ChunkStatus.Incomplete => null,
                    ChunkStatus.Complete => _isReady ? CompleteParameters() : CompleteDataset(),
                    var refused => $"a chunk of {message.Chunk.Data.Length} bytes is {refused}",
                };
            case CoordinatorMessage.KindOneofCase.Lease when _isReady:
                return TakeLease(message.Lease);
            case CoordinatorMessage.KindOneofCase.Revoked when _isReady:
                // (3.3)
                _compute!.Revoke((long)message.Revoked.LeaseId);
                return null;
            case CoordinatorMessage.KindOneofCase.Answer:
                // (4.3)
                if (message.Answer.Verdict != Verdict.Counted)
                {
                    Log.NotCounted(_log, message.Answer.FirstShard, message.Answer.EndShard, message.Answer.Verdict);
                }

                return null;
            default:
                return $"{message.KindCase} came out of turn";
        }
    }

    /// <summary>(2.2)</summary>
    private string? AnnounceDataset(DatasetHeader header)
    {
        var spec = _spec!.Dataset;
        var length = DatasetBytes.Length(spec);
        if (header.Digest != spec.Digest || header.LengthBytes != (ulong)length || length > Array.MaxLength)
        {
            return $"it announced a dataset of {header.LengthBytes} bytes with digest {header.Digest}; the run's has {length} and {spec.Digest}";
        }

        _datasetBytes = GC.AllocateUninitializedArray<byte>((int)length);
        _chunks.Begin(_datasetBytes);
        return null;
    }

    private string? CompleteDataset()
    {
        var bytes = _datasetBytes!;
        _datasetBytes = null;
        if (DatasetBytes.Read(bytes, _spec!.Dataset) is not { } dataset)
        {
            return "the dataset came damaged";
        }

        _cache.Write(_spec.Dataset.Digest, bytes);
        BeReady(dataset);
        return null;
    }

    /// <summary>(3.1) A tensor half received is given up for a newer one.</summary>
    private string? AnnounceParameters(ParametersHeader header)
    {
        var expected = (ulong)_pools!.Training.GradientLength * sizeof(float);
        if (header.LengthBytes != expected || header.Checksum.Length != Checksum.SizeBytes)
        {
            return $"it announced parameters of {header.LengthBytes} bytes with a checksum of {header.Checksum.Length}; the model has {expected} and {Checksum.SizeBytes}";
        }

        if (header.Incarnation != _welcome.Incarnation)
        {
            return $"it announced parameters of incarnation {header.Incarnation}; it is {_welcome.Incarnation}";
        }

        _chunks.Abandon();
        _parametersHeader = header;
        _parametersBuffer ??= _compute!.RentBuffer();
        _chunks.Begin(TensorBytes.Of(_parametersBuffer));
        return null;
    }

    private string? CompleteParameters()
    {
        var buffer = _parametersBuffer!;
        _parametersBuffer = null;
        if (Checksum.Of(TensorBytes.Of(buffer).Span).Equals(_parametersHeader.Checksum))
        {
            _compute!.Use((long)_parametersHeader.Version, buffer);
        }
        else
        {
            // The lease that follows finds no parameters of its version and goes back (4.4).
            Log.ParametersDamaged(_log, _parametersHeader.Version);
            _compute!.GiveBack(buffer);
        }

        return null;
    }

    /// <summary>(3.2)</summary>
    private string? TakeLease(LeaseGranted lease)
    {
        if (Rounds.FromWire(lease.Kind, lease.Version, _spec!) is not { } round
            || lease.ShardCount != (uint)round.ShardCount
            || Rounds.Range(lease.FirstShard, lease.EndShard, round.ShardCount) is not { } range)
        {
            return $"lease {lease.LeaseId} is of shards [{lease.FirstShard}, {lease.EndShard}) of {lease.ShardCount} of {lease.Kind} {lease.Version}, which the run does not have";
        }

        _compute!.Take(new Lease((long)lease.LeaseId, (int)_welcome.WorkerId, round, range));
        return null;
    }
}
