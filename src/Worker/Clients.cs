using System.Net.Security;
using System.Net.Sockets;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using DistTrain.Worker.Identity;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace DistTrain.Worker;

/// <summary>The two connections to a coordinator: tensors on one, signs of life on the other, so that these never queue behind those.</summary>
internal sealed class Clients : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel _tensors;
    private readonly GrpcChannel _heartbeats;

    /// <summary>
    /// The window stays what <see cref="Protocol.WindowBytes"/> says: grown to what a busy processor makes look like a long way, it would let megabytes wait in memory
    /// that is allocated and dropped at every step. Read once, before the process' first connection.
    /// </summary>
    static Clients() => AppContext.SetSwitch("System.Net.SocketsHttpHandler.Http2FlowControl.DisableDynamicWindowSizing", true);

    /// <summary>Nothing is connected before the first call.</summary>
    /// <param name="address">The coordinator's.</param>
    /// <param name="interceptor">Sees every message; for tests.</param>
    /// <param name="socketFile">The coordinator's socket, in place of the address' host and port.</param>
    /// <param name="tls">How to talk to it; null in clear.</param>
    public Clients(Uri address, Interceptor? interceptor = null, UnixDomainSocketEndPoint? socketFile = null, SslClientAuthenticationOptions? tls = null)
    {
        _tensors = Open(address, socketFile, tls);
        _heartbeats = Open(address, socketFile, tls);
        Tensors = interceptor is null ? _tensors.CreateCallInvoker() : _tensors.Intercept(interceptor);
        Heartbeats = new Training.TrainingClient(_heartbeats);
    }

    /// <summary>For <see cref="AttachCall"/>.</summary>
    public CallInvoker Tensors { get; }

    /// <summary>For calls beside a run's.</summary>
    public CallInvoker Others => _heartbeats.CreateCallInvoker();

    /// <summary>For <c>Heartbeat</c>.</summary>
    public Training.TrainingClient Heartbeats { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tensors.Dispose();
        _heartbeats.Dispose();
    }

    private static GrpcChannel Open(Uri address, UnixDomainSocketEndPoint? socketFile, SslClientAuthenticationOptions? tls) => GrpcChannel.ForAddress(address, new GrpcChannelOptions
    {
        MaxReceiveMessageSize = Protocol.MaximumMessageBytes,
        MaxSendMessageSize = Protocol.MaximumMessageBytes,
        DisposeHttpClient = true,
        // Our own retries (5.6) say whom they wait for; the channel's would not.
        MaxReconnectBackoff = TimeSpan.FromSeconds(1),
        InitialReconnectBackoff = TimeSpan.FromMilliseconds(100),
        HttpHandler = new SocketsHttpHandler
        {
            // A coordinator is never behind a web proxy, whatever the environment says.
            UseProxy = false,
            ConnectTimeout = ConnectTimeout,
            ConnectCallback = CoordinatorAddress.ConnectCallback(socketFile),
            InitialHttp2StreamWindowSize = Protocol.WindowBytes,
            EnableMultipleHttp2Connections = false,
            SslOptions = tls ?? new SslClientAuthenticationOptions(),
            // A call that goes on keeps its connection; the next one is made with the certificate of its time.
            PooledConnectionLifetime = tls is null ? Timeout.InfiniteTimeSpan : WorkerCredentials.ConnectionLifetime,
        },
    });
}
