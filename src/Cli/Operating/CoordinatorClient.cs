using System.Net.Security;
using System.Net.Sockets;
using DistTrain.Core;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using Grpc.Core;
using Grpc.Net.Client;
using Wire = DistTrain.Transport.Wire;

namespace DistTrain.Cli.Operating;

/// <summary>Nobody answers where the run should be. The message says what to do.</summary>
public sealed class NoCoordinatorException(string message) : Exception(message);

/// <summary>What the run cannot do, does not want to do, or has tried in vain. The message is its own.</summary>
/// <param name="message">For the user.</param>
/// <param name="isFailure">Whether it has tried.</param>
public sealed class RefusedByRunException(string message, bool isFailure = false) : Exception(message)
{
    /// <summary>Whether it has tried.</summary>
    public bool IsFailure { get; } = isFailure;
}

/// <summary>An operator's line to a run: finds it within a time, and asks one thing.</summary>
public sealed class CoordinatorClient : IDisposable
{
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SaveDeadline = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);
    private const int MaximumMessageCharacters = 2000;

    private readonly RunAddress _address;
    private readonly TimeProvider _time;
    private readonly GrpcChannel _channel;
    private readonly Control.ControlClient _client;
    private readonly CancellationToken _stop;
    private readonly PeerCredentials? _credentials;
    private volatile string? _impostor;

    /// <summary>Connects to nobody yet.</summary>
    /// <param name="address">Where the run is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">The operator does not want to wait any longer.</param>
    /// <param name="credentials">The operator's, taken over; null in clear.</param>
    public CoordinatorClient(RunAddress address, TimeProvider time, CancellationToken stop, PeerCredentials? credentials = null)
    {
        _credentials = credentials;
        (_address, _time, _stop) = (address, time, stop);
        try
        {
            var socket = address.EndPoint as UnixDomainSocketEndPoint;
            _channel = GrpcChannel.ForAddress($"{(credentials is null ? "http" : "https")}://{(socket is null ? address.ToString() : "localhost")}", new GrpcChannelOptions
            {
                MaxReceiveMessageSize = Protocol.MaximumMessageBytes,
                DisposeHttpClient = true,
                MaxReconnectBackoff = RetryInterval * 2,
                InitialReconnectBackoff = RetryInterval,
                // A coordinator is never behind a web proxy, whatever the environment says.
                HttpHandler = new SocketsHttpHandler
                {
                    UseProxy = false,
                    ConnectTimeout = AnswerDeadline,
                    ConnectCallback = CoordinatorAddress.ConnectCallback(socket),
                    SslOptions = credentials is null ? new SslClientAuthenticationOptions() : PeerCredentials.ToClient(time, () => credentials, reason => _impostor = reason),
                },
            });
        }
        catch (UriFormatException e)
        {
            throw new InvalidInputException($"'{address}' is no address of a coordinator; --coordinator takes HOST:PORT, for example 127.0.0.1:{Protocol.DefaultPort}, or unix:PATH.", e);
        }

        _client = new Control.ControlClient(_channel);
    }

    /// <summary>How the run stands. Looks for it until it answers or the time is up.</summary>
    /// <exception cref="NoCoordinatorException">Nobody answers in time.</exception>
    /// <exception cref="RefusedByRunException">It does not want to.</exception>
    public async Task<StatusReply> FindAsync(TimeSpan within)
    {
        var since = _time.GetTimestamp();
        while (true)
        {
            var left = within - _time.GetElapsedTime(since);
            try
            {
                return await AskAsync((client, options) => client.StatusAsync(new StatusRequest { Target = _address.Target }, options), left).ConfigureAwait(false);
            }
            catch (RpcException) when (_impostor is { } reason)
            {
                throw new RefusedByRunException($"What answers at {_address} is not the run that was meant: {reason}. --identity names the directory of the coordinator's authority.");
            }
            catch (RpcException e) when (IsNobody(e) && !_stop.IsCancellationRequested)
            {
                left = within - _time.GetElapsedTime(since);
                if (left <= RetryInterval)
                {
                    throw new NoCoordinatorException(
                        $"No run answers at {_address} within {within.TotalSeconds:0.###} s ({Printable(e.Status.Detail)}). {Advice()}");
                }

                await Task.Delay(RetryInterval, _time, _stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Begins no further round.</summary>
    /// <returns>Steps done.</returns>
    public async Task<ulong> PauseAsync() =>
        (await TryAsync((client, options) => client.PauseAsync(new PauseRequest { Target = _address.Target }, options), AnswerDeadline).ConfigureAwait(false)).Step;

    /// <summary>Goes on.</summary>
    /// <returns>Steps done.</returns>
    public async Task<ulong> ResumeAsync() =>
        (await TryAsync((client, options) => client.ResumeAsync(new ResumeRequest { Target = _address.Target }, options), AnswerDeadline).ConfigureAwait(false)).Step;

    /// <summary>Saves; returns when the checkpoint is durable.</summary>
    public Task<CheckpointReply> CheckpointAsync() =>
        TryAsync((client, options) => client.CheckpointAsync(new CheckpointRequest { Target = _address.Target }, options), SaveDeadline);

    /// <summary>Ends the run; returns when its checkpoint is durable.</summary>
    public Task<StopReply> StopAsync() =>
        TryAsync((client, options) => client.StopAsync(new Wire.StopRequest { Target = _address.Target }, options), SaveDeadline);

    /// <summary>Has so many workers of the run's own.</summary>
    public Task<ScaleReply> ScaleAsync(int workers) =>
        TryAsync((client, options) => client.ScaleAsync(new ScaleRequest { Target = _address.Target, Workers = (uint)workers }, options), AnswerDeadline);

    /// <inheritdoc/>
    public void Dispose()
    {
        _channel.Dispose();
        _credentials?.Dispose();
    }

    private async Task<T> TryAsync<T>(Func<Control.ControlClient, CallOptions, AsyncUnaryCall<T>> ask, TimeSpan deadline)
    {
        try
        {
            return await AskAsync(ask, deadline).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.DeadlineExceeded)
        {
            throw new RefusedByRunException(
                $"The run at {_address} has not done it within {deadline.TotalSeconds:0} s; it still may. 'disttrain status' shows what it does, and its log why.", isFailure: true);
        }
        catch (RpcException e) when (IsNobody(e) && !_stop.IsCancellationRequested)
        {
            throw new NoCoordinatorException($"The run at {_address} ended before it answered ({Printable(e.Status.Detail)}). {Advice()}");
        }
    }

    private async Task<T> AskAsync<T>(Func<Control.ControlClient, CallOptions, AsyncUnaryCall<T>> ask, TimeSpan deadline)
    {
        try
        {
            using var call = ask(_client, new CallOptions(deadline: (_time.GetUtcNow() + deadline).UtcDateTime, cancellationToken: _stop));
            return await call.ResponseAsync.ConfigureAwait(false);
        }
        catch (RpcException e) when (_stop.IsCancellationRequested)
        {
            throw new OperationCanceledException("Stopped.", e, _stop);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied or StatusCode.FailedPrecondition or StatusCode.InvalidArgument)
        {
            throw new RefusedByRunException(Printable(e.Status.Detail));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Aborted)
        {
            throw new RefusedByRunException(Printable(e.Status.Detail), isFailure: true);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unimplemented)
        {
            throw new RefusedByRunException($"What listens on {_address} is no run of this version of disttrain.");
        }
    }

    private static bool IsNobody(RpcException e) => e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Internal or StatusCode.Unknown;

    private string Advice() => (_credentials is null && _address.EndPoint is not UnixDomainSocketEndPoint ? "If it uses TLS, say so with --tls. " : "") + WhereElse();

    private string WhereElse() => _address.Directory is { } directory
        ? $"The run in {directory} has ended or died: its log says how, and 'disttrain train --resume auto --out {directory}' goes on with it."
        : "Name the run with --run DIR, or its address, which 'disttrain train' prints, with --coordinator HOST:PORT or unix:PATH.";

    /// <summary>What somebody else wrote, as one line of a terminal.</summary>
    private static string Printable(string text) => string.Concat(text.Take(MaximumMessageCharacters).Select(c => char.IsControl(c) ? ' ' : c));
}
