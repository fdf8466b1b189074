using System.Net.Sockets;
using DistTrain.Coordinator.Identity;
using DistTrain.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>The server that workers and operators connect to, set up for tensors; docs/decisions/0009-tensors-over-grpc.md measures what each setting does.</summary>
internal static class TensorServer
{
    /// <summary>Calls at once on a connection; a worker has one, or two.</summary>
    private const int MostStreams = 16;

    /// <summary>A server that does not listen yet.</summary>
    /// <param name="options">Where it listens and how long it waits.</param>
    /// <param name="loggers">Where logs go.</param>
    /// <param name="security">Who lets whom in; null where everything goes in clear and nobody has to show who it is.</param>
    /// <param name="map">Maps the services.</param>
    /// <param name="services">The services, each the only one of its type.</param>
    public static WebApplication Build(CoordinatorOptions options, ILoggerFactory loggers, ServerSecurity? security, Action<WebApplication> map, params object[] services)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<ILoggerFactory>(new ServerLoggerFactory(loggers));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        foreach (var service in services)
        {
            builder.Services.AddSingleton(service.GetType(), service);
        }

        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = Protocol.MaximumMessageBytes)
            .AddServiceOptions<ControlService>(grpc => grpc.MaxReceiveMessageSize = ControlRules.MaximumMessageBytes)
            .AddServiceOptions<EnrollmentService>(grpc => grpc.MaxReceiveMessageSize = EnrollmentService.MaximumMessageBytes);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.GoodbyeDeadline);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, BlockPoolFactory>();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options, security));
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = endPoint => endPoint is UnixDomainSocketEndPoint
            ? SocketFile.Listen(endPoint.ToString()!)
            : SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint));
        var server = builder.Build();
        if (security is not null)
        {
            server.Use(next => context => security.Gate.InvokeAsync(context, next));
        }

        server.UseRouting();
        map(server);
        return server;
    }

    private static void Configure(KestrelServerOptions kestrel, CoordinatorOptions options, ServerSecurity? security)
    {
        kestrel.AddServerHeader = false;
        // Our own deadlines decide who is too slow (5.3): these would cut off a worker that is merely stopped for a moment.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestBodySize = null;
        // What holds a connection without a call on it is no worker: its heartbeats come far more often (1.1).
        kestrel.Limits.KeepAliveTimeout = options.HelloDeadline + options.DeadTime;
        kestrel.Limits.Http2.InitialConnectionWindowSize = Protocol.WindowBytes;
        kestrel.Limits.Http2.InitialStreamWindowSize = Protocol.WindowBytes;
        kestrel.Limits.Http2.MaxStreamsPerConnection = MostStreams;
        kestrel.Limits.RequestHeadersTimeout = options.HelloDeadline;
        kestrel.Listen(options.Listen, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            security?.Secure(listen);
        });
    }

    /// <summary>Signals belong to the process that hosts the run, not to the server in it.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
