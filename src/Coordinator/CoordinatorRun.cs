using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using DistTrain.Coordinator.Identity;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>A run with its coordinator in this process: a server that workers attach to, and the loop that trains with them.</summary>
public sealed class CoordinatorRun : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly ServerSecurity? _security;
    private readonly ClusterRun _run;
    private readonly Task _loop;
    private readonly RunSegment? _segment;
    private readonly EndPoint _endPoint;
    private readonly ILogger _log;

    private CoordinatorRun(WebApplication server, ServerSecurity? security, ClusterRun run, EndPoint endPoint, RunSegment? segment, ILogger log)
    {
        _server = server;
        _security = security;
        _run = run;
        _segment = segment;
        _endPoint = endPoint;
        _log = log;
        _loop = Task.Run(run.RunAsync);
    }

    /// <summary>Where workers find it, as users write it: <c>127.0.0.1:29500</c> or <c>unix:/run/me/training.sock</c>.</summary>
    public string Address => CoordinatorAddress.Text(_endPoint);

    /// <summary>The same as an address and a port.</summary>
    /// <exception cref="InvalidOperationException">It listens on a socket's file.</exception>
    public IPEndPoint EndPoint => _endPoint as IPEndPoint ?? throw new InvalidOperationException($"{Address} has no port.");

    /// <summary>
    /// The final state, which the caller disposes of. Faults with <see cref="TrainingFailedException"/> or
    /// <see cref="NotEnoughWorkersException"/>; cancelled by <see cref="AbortAsync"/>, with <see cref="RunStoppedException"/> if it was stopped with a checkpoint. Workers have been told before it completes.
    /// </summary>
    public Task<TrainingState> Completion => _run.Completion;

    /// <summary>Starts listening and waits for workers.</summary>
    /// <param name="spec">What to train.</param>
    /// <param name="dataset">The data; its digest must be the spec's. Workers that lack it get it from here.</param>
    /// <param name="options">How to listen and how long to wait.</param>
    /// <param name="observer">Told what the training does; may be null.</param>
    /// <param name="clusterObserver">Told what happens to workers; may be null.</param>
    /// <param name="loggers">Where logs go; stays the caller's.</param>
    /// <param name="time">Where time comes from; default the system's.</param>
    /// <param name="continuation">Where to go on and what to keep; null for a run from step 0 that keeps nothing.</param>
    /// <returns>The run, listening.</returns>
    /// <exception cref="InvalidInputException">The spec or an option is wrong, the data does not fit, or the address cannot be listened on.</exception>
    public static async Task<CoordinatorRun> StartAsync(
        RunSpec spec,
        Dataset dataset,
        CoordinatorOptions options,
        ITrainingObserver? observer,
        IClusterObserver? clusterObserver,
        ILoggerFactory loggers,
        TimeProvider? time = null,
        RunContinuation? continuation = null)
    {
        spec.Validate();
        options.Validate();
        if (spec.Dataset.Digest != dataset.Digest)
        {
            throw new InvalidInputException($"The run was made for dataset {spec.Dataset.Name} with digest {spec.Dataset.Digest}, but got {dataset.Name} with {dataset.Digest}.");
        }

        time ??= TimeProvider.System;
        var log = loggers.CreateLogger(typeof(CoordinatorRun).Namespace!);
        // Without a directory nobody can take the run over, so the number need only be another one each time.
        var incarnation = continuation?.Incarnation ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        var segment = ShareMemory(options, incarnation, spec, log);
        ClusterRun run;
        WebApplication server;
        ServerSecurity? security = null;
        try
        {
            run = new ClusterRun(new ConductorSetup(
                spec, options, incarnation, continuation?.From, continuation?.Recorder, observer, clusterObserver, log, time, segment));
            if (continuation?.Recorder is { } recorder)
            {
                // Nobody waits for it: the run loop takes it in when it comes, or has ended.
                recorder.Saved += result => _ = run.TellAsync(new RunInput.Saved(result)).AsTask();
            }

            security = options.Identity is { } identity
                // Nobody waits for the run loop to take it in.
                ? ServerSecurity.Of(identity, options.HelloDeadline, run.Quarantine, (peer, reason) => _ = run.TellAsync(new RunInput.Refused(peer, reason)).AsTask(), time, log)
                : null;
            server = await ListenAsync(
                options,
                loggers,
                security,
                new TrainingService(spec, dataset, options, run, KnownAnswer.Compute(VectorKernels.Best), time, segment?.FullPath ?? "", security?.Gate),
                new ControlService(run, options, log));
        }
        catch
        {
            security?.Dispose();
            segment?.Unlink();
            throw;
        }

        var endPoint = options.Listen is IPEndPoint wanted ? new IPEndPoint(wanted.Address, Port(server)) : options.Listen;
        if (options.Identity is { } secured)
        {
            Log.Secure(log, secured.Authority.Hash, secured.Path);
        }
        else if (endPoint is IPEndPoint network && !IPAddress.IsLoopback(network.Address))
        {
            Log.Insecure(log, endPoint.ToString()!);
        }

        Log.Listening(log, CoordinatorAddress.Text(endPoint), spec.Model.Name, spec.Dataset.Name, spec.TotalSteps, spec.ShardCount);
        return new CoordinatorRun(server, security, run, endPoint, segment, log);
    }

    /// <summary>Ends the run at once: workers are told that it was stopped. Does nothing if it has ended.</summary>
    public async Task AbortAsync()
    {
        await _run.TellAsync(new RunInput.Abort());
        await _loop;
    }

    /// <summary>Asks for something; answered when it is done. <see cref="ControlVerb.Stop"/> ends the run after its step, with a checkpoint if it keeps any.</summary>
    public Task<ControlReply> ControlAsync(ControlVerb verb) => _run.ControlAsync(verb);

    /// <summary>How the run stands; null if it has ended.</summary>
    public Task<RunStatus?> StatusAsync() => _run.StatusAsync();

    /// <summary>Whether the run is over, even if workers are still being told.</summary>
    public bool HasEnded => _run.HasEnded;

    /// <summary>
    /// What an operator's wish for so many workers does: makes so many processes of this run's own be there, and says how many were to be before. Null,
    /// the default, for a run that starts none: the wish is refused. Called on any thread.
    /// </summary>
    public Func<int, int>? Scale
    {
        get => _run.Scale;
        set => _run.Scale = value;
    }

    /// <summary>
    /// Says how many workers are expected before the first step, if fewer than <see cref="CoordinatorOptions.WorkersToStart"/>: some of
    /// those promised will not come. Without effect once the first step has begun.
    /// </summary>
    /// <param name="count">At least 1.</param>
    public async Task ExpectWorkersAsync(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        await _run.TellAsync(new RunInput.WorkersExpected(count));
    }

    /// <summary>Ends the run if it has not, and stops listening.</summary>
    public async ValueTask DisposeAsync()
    {
        await AbortAsync();
        await _server.DisposeAsync();
        _security?.Dispose();
        RemoveSocket();
        _segment?.Unlink();
        _segment?.Dispose();
    }

    /// <summary>Unless it is another coordinator's by now.</summary>
    private void RemoveSocket()
    {
        if (_endPoint is UnixDomainSocketEndPoint)
        {
            try
            {
                SocketFile.TryRemove(_endPoint.ToString()!);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
            {
                Log.SocketStays(_log, _endPoint.ToString()!, e.Message);
            }
        }
    }

    private static int Port(WebApplication server) =>
        new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    /// <summary>(8.1) Memory for workers on this host, if there is enough.</summary>
    private static RunSegment? ShareMemory(CoordinatorOptions options, ulong incarnation, RunSpec spec, ILogger log)
    {
        if (options.SharedMemoryDirectory is not { } directory)
        {
            return null;
        }

        try
        {
            return RunSegment.Create(directory, incarnation, spec.Model.ParameterLayout().Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.NoSharedMemory(log, "Every worker", e.Message);
            return null;
        }
    }

    private static async Task<WebApplication> ListenAsync(
        CoordinatorOptions options, ILoggerFactory loggers, ServerSecurity? security, TrainingService service, ControlService control)
    {
        var server = TensorServer.Build(options, loggers, security, server => MapServices(server, security), [service, control, .. security is null ? [] : (object[])[security.Enrollment]]);
        try
        {
            await server.StartAsync();
            return server;
        }
        catch (IOException e) when (e.InnerException is AddressInUseException && options.Listen is IPEndPoint listen)
        {
            await server.DisposeAsync();
            throw new InvalidInputException(
                $"Port {listen.Port} on {listen.Address} is in use by another program. Stop it, or choose another port with --listen HOST:PORT (port 0 takes any free one).", e);
        }
        catch (SocketException e)
        {
            await server.DisposeAsync();
            throw new InvalidInputException($"Cannot listen on {options.Listen}: {e.Message}. Choose another address with --listen HOST:PORT.", e);
        }
        catch (InvalidInputException)
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private static void MapServices(WebApplication server, ServerSecurity? security)
    {
        server.MapGrpcService<TrainingService>();
        server.MapGrpcService<ControlService>();
        if (security is not null)
        {
            server.MapGrpcService<EnrollmentService>();
        }
    }
}
