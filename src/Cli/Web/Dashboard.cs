using System.Net;
using System.Net.Sockets;
using DistTrain.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Cli.Web;

/// <summary>
/// The page of a run that goes on, for browsers on this machine: <c>/</c> is the page, <c>/events</c> what the run tells, as server-sent events. It only shows; nothing can
/// be changed by it.
/// </summary>
public sealed class Dashboard : IAsyncDisposable
{
    private const int MostConnections = 64;

    /// <summary>Browsers that keep a stream; the rest is for those that ask for the page.</summary>
    private const int MostStreams = 48;

    /// <summary>A browser that keeps its stream open is not waited for.</summary>
    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(1);

    private readonly WebApplication _server;

    private Dashboard(WebApplication server)
    {
        _server = server;
        Address = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>What to open in a browser.</summary>
    public Uri Address { get; }

    /// <summary>Starts to serve.</summary>
    /// <param name="where">An address of this machine's own.</param>
    /// <param name="wasAskedFor">Whether somebody wants this port and no other; else one that is taken is replaced by a free one.</param>
    /// <param name="feed">What to show.</param>
    /// <exception cref="InvalidInputException">The address is no loopback address, or cannot be listened on.</exception>
    public static async Task<Dashboard> StartAsync(IPEndPoint where, bool wasAskedFor, RunFeed feed)
    {
        if (!IPAddress.IsLoopback(where.Address))
        {
            throw new InvalidInputException(
                $"--dashboard {where}: the dashboard shows itself on this machine alone. Choose a loopback address, 127.0.0.1:{where.Port}, and reach it from elsewhere through ssh -L {where.Port}:127.0.0.1:{where.Port}.");
        }

        try
        {
            return await ListenAsync(where, feed).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return !wasAskedFor ? await ListenAsync(new IPEndPoint(where.Address, 0), feed).ConfigureAwait(false)
                : e.InnerException is AddressInUseException ? throw new InvalidInputException($"--dashboard {where}: the port is in use by another program. Choose another one, or port 0 for any that is free.", e)
                : throw new InvalidInputException($"--dashboard {where}: {e.Message}. Choose another address, or leave it out: --dashboard off.", e);
        }
    }

    /// <summary>Ends when every browser has what there is, or does not take it in time.</summary>
    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<Dashboard> ListenAsync(IPEndPoint where, RunFeed feed)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Goodbye);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(where);
        });
        var server = builder.Build();
        server.Run(context => AnswerAsync(context, feed));
        try
        {
            await server.StartAsync().ConfigureAwait(false);
            return new Dashboard(server);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static Task AnswerAsync(HttpContext context, RunFeed feed)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = RunPage.ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        // A page elsewhere could have its own name lead here, and read what this one shows.
        var host = context.Request.Host.Host;
        if (!host.Equals("localhost", StringComparison.OrdinalIgnoreCase) && !(IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address)))
        {
            context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
            return Task.CompletedTask;
        }

        if (!HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return Task.CompletedTask;
        }

        switch (context.Request.Path.Value)
        {
            case "/":
                context.Response.ContentType = "text/html; charset=utf-8";
                return context.Response.WriteAsync(RunPage.Live, context.RequestAborted);
            case "/events" when feed.ReaderCount >= MostStreams:
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return Task.CompletedTask;
            case "/events":
                return StreamAsync(context, feed);
            default:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
        }
    }

    private static async Task StreamAsync(HttpContext context, RunFeed feed)
    {
        var (soFar, next) = feed.Read();
        try
        {
            context.Response.ContentType = "text/event-stream";
            foreach (var line in soFar)
            {
                await context.Response.WriteAsync($"data: {line}\n\n", context.RequestAborted).ConfigureAwait(false);
            }

            await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            await foreach (var line in next.ReadAllAsync(context.RequestAborted).ConfigureAwait(false))
            {
                await context.Response.WriteAsync($"data: {line}\n\n", context.RequestAborted).ConfigureAwait(false);
                await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The browser has gone.
        }
        finally
        {
            feed.Leave(next);
        }
    }

    /// <summary>Signals belong to the process that hosts the run.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
