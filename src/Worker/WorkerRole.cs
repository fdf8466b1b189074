using DistTrain.Core.Kernels;
using DistTrain.Transport;
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
        var knownAnswer = options.KnownAnswer ?? KnownAnswer.Compute(VectorKernels.Best, options.Threads);
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
        WorkerOptions options, string address, byte[] knownAnswer, ILogger log, TimeProvider time, CancellationToken stop)
    {
        var datasets = new DatasetSource(options, new DatasetCache(options.CacheDirectory, log), log);
#pragma warning disable CA5394 // Spreading reconnects needs no secrecy.
        var backoff = new Backoff(Random.Shared.NextDouble);
#pragma warning restore CA5394
        using var clients = new Clients(options.Address(), options.Interceptor, options.SocketFile());
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
                var attachment = new Attachment(clients, options, knownAnswer, datasets, log, time, sharesMemory);
                var end = await attachment.RunAsync(left, stop);
                sharesMemory &= !attachment.SharingFailed;
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
                        $"no coordinator at {address} within {timeout.TotalSeconds:0.###} s ({end.Reason}). Check the address, or start it with: disttrain coordinator --listen {address}");
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
    }
}
