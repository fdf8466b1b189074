using System.Diagnostics.CodeAnalysis;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>One call of Attach, from the hello to its end. Numbers in comments are steps of docs/protocol.md.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "What one call owns, RunAsync frees at its end.")]
internal sealed class Attachment : IComputeListener
{
    private static readonly TimeSpan WelcomeDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodbyeDeadline = TimeSpan.FromSeconds(2);

    private readonly Clients _clients;
    private readonly WorkerOptions _options;
    private readonly byte[] _knownAnswer;
    private readonly DatasetSource _datasets;
    private readonly ILogger _log;
    private readonly bool _sharesMemory;
    private readonly TimeProvider _time;
    private readonly Outgoing _outgoing = new();
    private readonly TaskCompletionSource<Exception> _computeFailed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Welcome _welcome = new();
    private RunSpec? _spec;
    private PartialPools? _pools;
    private PartialSender? _sender;
    private ComputeThread? _compute;
    private Task _reading = Task.CompletedTask;
    private SharedMemoryIntake? _memory;

    public Attachment(
        Clients clients, WorkerOptions options, byte[] knownAnswer, DatasetSource datasets, ILogger log, TimeProvider time, bool sharesMemory = false)
    {
        _sharesMemory = sharesMemory;
        _clients = clients;
        _options = options;
        _knownAnswer = knownAnswer;
        _datasets = datasets;
        _log = log;
        _time = time;
    }

    /// <summary>Whether the coordinator's memory was there and this worker's part of it was not: the next attachment does without.</summary>
    public bool SharingFailed => _memory is { HasFailed: true };

    /// <summary>Attaches and works until the call ends or <paramref name="stop"/> asks to leave.</summary>
    /// <param name="patience">How long to wait for an answer at most.</param>
    /// <param name="stop">Asks to leave.</param>
    public async Task<AttachmentEnd> RunAsync(TimeSpan patience, CancellationToken stop)
    {
        using var abort = new CancellationTokenSource();
        using var call = AttachCall.Begin(_clients.Tensors, abort.Token);
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
        catch (RpcException e) when (e.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied && !stop.IsCancellationRequested)
        {
            // (9.2)
            return new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Refused, e.Status.Detail), e.Status.Detail, _spec is not null);
        }
        catch (Exception e) when (e is RpcException or IOException or OperationCanceledException or InvalidOperationException or TimeoutException)
        {
            return stop.IsCancellationRequested
                ? AttachmentEnd.AskedToStop
                : new AttachmentEnd(null, e is RpcException rpc ? rpc.Status.Detail : e.Message, _spec is not null);
        }
        finally
        {
            _outgoing.Close();
            await abort.CancelAsync();
            await pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await FreeAsync(stop);
        }
    }

    /// <summary>
    /// Frees what the call owned once nobody uses it. Asked to stop, the worker does not wait for that: a lease may take longer than its host has
    /// patience, and it has been left to others. The process is about to end; where it does not, the last user's end frees the rest.
    /// </summary>
    private async Task FreeAsync(CancellationToken stop)
    {
        await _reading.WaitAsync(stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_compute is { } compute)
        {
            compute.Stop();
            await compute.Idle.WaitAsync(stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (_reading.IsCompleted && _compute is null or { Idle.IsCompleted: true })
        {
            _compute?.Dispose();
            _pools?.Dispose();
            _memory?.Dispose();
        }
    }

    void IComputeListener.Computed(Lease lease, Partial partial, TimeSpan computeTime)
    {
        // (4.1)
        _options.Tamper?.Invoke(lease, partial);
        if (_memory?.Channel is { } shared)
        {
            var header = PartialHeaders.Of(_welcome.Incarnation, lease, partial, number: 1);
            // Looked at on this thread, whose cache still holds it. The coordinator looks at the sums.
            var end = PartialHeaders.EndInPlace(header, partial, computeTime, _compute!.IsFinite(partial));
            shared.Deliver(header, end, partial, _pools!.For(lease.Round.Kind));
            return;
        }

        _sender!.End(lease, partial, computeTime);
    }

    // What is tampered with is so as a whole, and what is shared does not travel.
    bool IComputeListener.TakesPieces => _options.Tamper is null && _memory?.Channel is null;

    void IComputeListener.Advanced(Lease lease, Partial partial, int firstElement) => _sender!.Advance(lease, partial, firstElement);

    void IComputeListener.Dropped(Lease lease, Partial partial) => _sender!.Drop(lease, partial);

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
        Name = _options.Name,
        ProcessId = (uint)Environment.ProcessId,
        SharesMemory = _sharesMemory,
        DatasetDigests = { _datasets.Digests() },
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

        if (WelcomeRules.Judge(responses.Current, out _spec) is { } end)
        {
            return end;
        }

        _welcome = responses.Current.Welcome;
        Log.Welcome(_log, _welcome.WorkerId, _spec!.Model.Name, _spec.Dataset.Name);
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
        var heartbeat = Heartbeat.BeatAsync(_clients.Heartbeats, _welcome, _time, abort.Token);
        var reading = PrepareAndReadAsync(responses, stop);
        _reading = reading;
        var first = await Task.WhenAny(reading, heartbeat, pump, stopped.Task, _computeFailed.Task);
        if (first == stopped.Task)
        {
            await LeaveAsync("asked to stop", reading, pump);
            return AttachmentEnd.AskedToStop;
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

    /// <summary>
    /// (6.2) Finishes the current lease, says goodbye and lets the coordinator end the call; each with its deadline. What computing leaves of its time
    /// is for sending: a goodbye behind a gradient on a narrow link would else be cut off, and the worker be lost instead of gone.
    /// </summary>
    private async Task LeaveAsync(string reason, Task reading, Task pump)
    {
        var began = _time.GetTimestamp();
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
        var unused = _options.FinishTimeout - _time.GetElapsedTime(began);
        try
        {
            await pump.WaitAsync(unused > GoodbyeDeadline ? unused : GoodbyeDeadline, _time);
            await reading.WaitAsync(GoodbyeDeadline, _time);
        }
        catch (Exception e) when (e is TimeoutException or RpcException or IOException or OperationCanceledException or InvalidOperationException)
        {
            // The coordinator is gone or slow: it will notice the end of the connection.
        }
    }

    private ComputeThread Begin(Dataset dataset)
    {
        var layout = _spec!.Model.ParameterLayout();
        _pools = new PartialPools(layout.Length);
        _sender = new PartialSender(_outgoing, _welcome.Incarnation, _pools, layout.ParameterLength);
        return _compute = new ComputeThread(_spec, dataset, _options.Threads, _pools, this, _time, (int)_welcome.WorkerId);
    }

    private async Task<AttachmentEnd> PrepareAndReadAsync(IAsyncStreamReader<CoordinatorMessage> responses, CancellationToken stop)
    {
        _memory = _sharesMemory ? new SharedMemoryIntake(_welcome, _spec!.Model.ParameterLayout().Length, channel => _compute!.Share(channel), _log) : null;
        var reader = new CoordinatorReader(_spec!, _welcome, _datasets, _outgoing.Send, Begin, _log, _memory);
        // Off this thread: looking for the dataset may take a second, in which the heart beats and a wish to stop is heard.
        var dataset = await Task.Run(reader.FindOrAsk, CancellationToken.None);
        if (stop.IsCancellationRequested)
        {
            return AttachmentEnd.AskedToStop;
        }

        if (dataset is not null)
        {
            reader.BeReady(dataset);
        }

        try
        {
            return await ReadAsync(reader, responses);
        }
        finally
        {
            reader.GiveUp();
        }
    }

    private static async Task<AttachmentEnd> ReadAsync(CoordinatorReader reader, IAsyncStreamReader<CoordinatorMessage> responses)
    {
        while (await responses.MoveNext())
        {
            var message = responses.Current;
            if (message.KindCase == CoordinatorMessage.KindOneofCase.RunEnded)
            {
                return WelcomeRules.Ended(message.RunEnded);
            }

            if (reader.Take(message) is { } broken)
            {
                return new AttachmentEnd(null, $"the coordinator broke the protocol: {broken}", true);
            }

            AttachCall.Recycle(message);
        }

        return new AttachmentEnd(null, "the coordinator ended the call", true);
    }
}
