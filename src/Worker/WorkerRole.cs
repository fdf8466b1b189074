using DistTrain.Core.Kernels;
using DistTrain.Transport;
using DistTrain.Worker.Identity;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>A worker's life: find the coordinator, attach, compute, and attach again when the connection is lost.</summary>
public static class WorkerRole
{
    /// <summary>The last attempt begins when the time is up: it is given so long.</summary>
    private static readonly TimeSpan ShortestPatience = TimeSpan.FromSeconds(1);

    /// <summary>Runs until the run ends, the coordinator refuses, nobody is found in time, or <paramref name="stop"/> asks to leave.</summary>
    /// <param name="options">Where the coordinator is and how to work.</param>
    /// <param name="loggers">Where logs go; stays the caller's.</param>
    /// <param name="time">Where time comes from; default the system's.</param>
    /// <param name="stop">Finish or hand back the lease, say goodbye, and return.</param>
    /// <exception cref="Core.InvalidInputException">An option is wrong.</exception>
    public static async Task<WorkerOutcome> RunAsync(WorkerOptions options, ILoggerFactory loggers, TimeProvider? time = null, CancellationToken stop = default)
    {
        options.Validate();
        time ??= TimeProvider.System;
        var log = loggers.CreateLogger(typeof(WorkerRole).Namespace!);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (options.ExitWithStandardInput)
        {
            StandardInputWatch.Start(() => Leave(leave), time);
        }

        var address = options.SocketFile() is { } socket ? CoordinatorAddress.Text(socket) : options.Address().Authority;
        Log.Looking(log, address, options.Threads, VectorWidth.Bits, Environment.ProcessId);
        // Compiling the kernels takes as long as becoming known to the coordinator: side by side.
        var knownAnswer = options.KnownAnswer is { } answer ? Task.FromResult(answer) : Task.Run(() => KnownAnswer.Compute(VectorKernels.Best, options.Threads), CancellationToken.None);
        var outcome = await AttachAgainAndAgainAsync(options, address, knownAnswer, log, time, leave.Token);
        if (outcome.ExitCode == WorkerOutcome.Done)
        {
            Log.Done(log, outcome.Reason);
        }
        else
        {
            Log.GivingUp(log, outcome.Reason);
        }

        return outcome;
    }

    private static void Leave(CancellationTokenSource leave)
    {
        try
        {
            leave.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has left, and the process is ending.
        }
    }

    private static async Task<WorkerOutcome> AttachAgainAndAgainAsync(
        WorkerOptions options, string address, Task<byte[]> knownAnswer, ILogger log, TimeProvider time, CancellationToken stop)
    {
        var datasets = new DatasetSource(options, new DatasetCache(options.CacheDirectory, log), log);
#pragma warning disable CA5394 // Spreading reconnects needs no secrecy.
        var backoff = new Backoff(Random.Shared.NextDouble);
#pragma warning restore CA5394
        using var credentials = new WorkerCredentials(options, log, time);
        using var clients = new Clients(options.Address(), options.Interceptor, options.SocketFile(), credentials.Client());
        using var renewal = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var renewing = options.IsSecure ? credentials.RenewAsync(clients.Others, renewal.Token) : Task.CompletedTask;
        // What an interceptor is to see must go over the wire.
        var sharesMemory = options.SharesMemory && options.Interceptor is null;
        var since = time.GetTimestamp();
        var timeout = options.StartTimeout;
        var left = timeout;
        try
        {
            while (true)
            {
                stop.ThrowIfCancellationRequested();
                AttachmentEnd end;
                if (await IdentifyAsync(credentials, stop) is { } failed)
                {
                    end = failed;
                }
                else
                {
                    var attachment = new Attachment(clients, options, await knownAnswer, datasets, log, time, sharesMemory);
                    end = await attachment.RunAsync(left, stop);
                    sharesMemory &= !attachment.SharingFailed;
                }

                if (credentials.TakeRefusal() is { } impostor)
                {
                    return new WorkerOutcome(WorkerOutcome.Refused, $"What answers at {address} is not the coordinator that was meant: {impostor}.");
                }

                if (end.Outcome is { } outcome)
                {
                    return outcome;
                }

                if (end.WasWelcome)
                {
                    backoff.Reset();
                    since = time.GetTimestamp();
                    timeout = options.ReconnectTimeout;
                }

                // (5.6)
                left = timeout - time.GetElapsedTime(since);
                if (left <= TimeSpan.Zero)
                {
                    return new WorkerOutcome(
                        WorkerOutcome.NoCoordinator,
                        $"no coordinator at {address} within {timeout.TotalSeconds:0.###} s ({end.Reason}). Check the address, or start it with: disttrain coordinator --listen {address}.{(options.IsSecure || options.SocketFile() is not null ? "" : " One that uses TLS takes workers with --token and --ca-hash.")}");
                }

                Log.Retrying(log, address, end.Reason, left.TotalSeconds);
                var wait = backoff.Next();
                await Task.Delay(wait < left ? wait : left, time, stop);
                left = timeout - time.GetElapsedTime(since);
                left = left > ShortestPatience ? left : ShortestPatience;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new WorkerOutcome(WorkerOutcome.Done, "asked to stop");
        }
        finally
        {
            await renewal.CancelAsync();
            await renewing;
        }
    }

    /// <summary>(9.1) Null if the worker can show who it is, or need not.</summary>
    private static async Task<AttachmentEnd?> IdentifyAsync(WorkerCredentials credentials, CancellationToken stop)
    {
        try
        {
            await credentials.EnsureAsync(stop);
            return null;
        }
        catch (RefusedException e)
        {
            return new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Refused, e.Message), e.Message, false);
        }
        catch (RpcException e)
        {
            stop.ThrowIfCancellationRequested();
            return new AttachmentEnd(null, e.Status.Detail, false);
        }
    }
}
