using System.Net.Sockets;
using DistTrain.Coordinator.Identity;
using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Coordinator;

/// <summary>The gRPC side of the coordinator: one <see cref="Attach"/> call per worker. It reads, checks and receives; the run loop decides.</summary>
internal sealed class TrainingService(
    RunSpec spec, Dataset dataset, CoordinatorOptions options, ClusterRun run, byte[] knownAnswer, TimeProvider time, string sharedMemoryPath,
    Gatekeeper? gate = null)
    : TrainingEndpoint
{
    private static readonly TimeSpan EvictionInterval = TimeSpan.FromSeconds(1);

    private readonly Reception _reception = new(spec, options, run.Incarnation, knownAnswer, run.Quarantine, sharedMemoryPath);

    /// <inheritdoc/>
    public override Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context) => Task.FromResult(_reception.Heartbeat(request));

    /// <inheritdoc/>
    public override async Task Attach(IAsyncStreamReader<WorkerMessage> requestStream, IServerStreamWriter<CoordinatorMessage> responseStream, ServerCallContext context)
    {
        if (await ReadHelloAsync(requestStream, context) is not { } first)
        {
            return;
        }

        // (1.2)
        var http = context.GetHttpContext();
        var identity = gate is null ? null : Gatekeeper.WhoIs(http);
        if (_reception.Judge(first, run.HasEnded, identity) is { } refused)
        {
            await run.TellAsync(new RunInput.Refused(Peer(context), $"{refused.Reason}: {refused.Text}"));
            await responseStream.WriteAsync(new CoordinatorMessage { Refused = refused });
            return;
        }

        using var connection = _reception.Admit(first.Hello, Peer(context), identity, http.Connection.RemoteIpAddress);
        try
        {
            await ServeAsync(connection, requestStream, responseStream, context);
        }
        finally
        {
            _reception.Release(connection);
        }
    }

    /// <summary>(1.1) The first message; null if it does not come in time.</summary>
    private async Task<WorkerMessage?> ReadHelloAsync(IAsyncStreamReader<WorkerMessage> stream, ServerCallContext context)
    {
        using var timeout = new CancellationTokenSource(options.HelloDeadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, context.CancellationToken);
        try
        {
            return await stream.MoveNext(either.Token) ? stream.Current : null;
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            await run.TellAsync(new RunInput.Refused(Peer(context), timeout.IsCancellationRequested ? "it said no hello in time" : "it left before its hello"));
            return null;
        }
    }

    private string Peer(ServerCallContext context) => options.Listen is UnixDomainSocketEndPoint ? CoordinatorAddress.Text(options.Listen) : context.Peer;

    private async Task ServeAsync(
        WorkerConnection connection, IAsyncStreamReader<WorkerMessage> requests, IServerStreamWriter<CoordinatorMessage> responses, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(connection.Aborted, context.CancellationToken);
        if (!await run.TellAsync(new RunInput.Attached(connection)))
        {
            connection.Outbox.SendLast(new CoordinatorMessage { RunEnded = run.Ending });
        }

        var pump = connection.Outbox.PumpAsync(responses, ended.Token);
        var reader = new WorkerReader(connection, spec, dataset, run);
        var reading = ReadAsync(reader, requests, ended.Token);

        var evicted = UntilEvictedAsync(connection.Info.Identity, ended.Token);

        // Reading ends first, with the worker's goodbye or its death; if writing fails first, the connection is dead as well.
        var first = await Task.WhenAny(reading, pump, evicted);
        if (first == evicted || (first == pump && !pump.IsCompletedSuccessfully))
        {
            await ended.CancelAsync();
        }

        var (reason, inOrder) = await reading;
        await ended.CancelAsync();
        if (await evicted)
        {
            (reason, inOrder) = ($"token {connection.Info.Identity!.TokenId} was revoked", false);
        }

        await pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await run.TellAsync(new RunInput.Left(connection, reason, inOrder));
        if (connection.Aborted.IsCancellationRequested || await evicted)
        {
            // Resets the stream at once, whatever is still unread or unsent.
            context.GetHttpContext().Abort();
        }
    }

    /// <summary>(9.3) True when the worker may stay no longer; false when the call has ended before.</summary>
    private async Task<bool> UntilEvictedAsync(PeerIdentity? identity, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(EvictionInterval, time);
        try
        {
            do
            {
                await timer.WaitForNextTickAsync(ended);
            }
            while (gate is null || identity is null || gate.MayStay(identity));
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task<(string Reason, bool InOrder)> ReadAsync(WorkerReader reader, IAsyncStreamReader<WorkerMessage> requests, CancellationToken ended)
    {
        try
        {
            while (await requests.MoveNext(ended))
            {
                var message = requests.Current;
                if (await reader.TakeAsync(message) is { } end)
                {
                    return end;
                }

                AttachCall.Recycle(message);
            }

            return ("it ended the call without a goodbye", false);
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            return ("its connection closed", false);
        }
        finally
        {
            reader.Abandon();
        }
    }

    private static bool IsDisconnect(Exception e) => e is OperationCanceledException or IOException or RpcException or InvalidOperationException;
}
