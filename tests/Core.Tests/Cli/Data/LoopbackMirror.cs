using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistTrain.Core.Tests.Cli.Data;

/// <summary>A web server on a free loopback port whose answers are raw bytes, so that they can be wrong in every way.</summary>
internal sealed class LoopbackMirror : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string, Stream, CancellationToken, Task> _answer;
    private readonly Task _serving;
    private int _requestCount;

    /// <param name="answer">Writes the whole response to a request for a path.</param>
    public LoopbackMirror(Func<string, Stream, CancellationToken, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/files/");
        _serving = ServeAsync();
    }

    public Uri Address { get; }

    public int RequestCount => _requestCount;

    /// <summary>A response with this status and body, declaring a length that may differ from the body's.</summary>
    public static byte[] Response(string status, byte[] body, long? declaredLength = null) =>
    [
        .. Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {declaredLength ?? body.Length}\r\nConnection: close\r\n\r\n"),
        .. body,
    ];

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        _listener.Stop();
        await _serving;
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(ConnectionAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ConnectionAsync(TcpClient connection)
    {
        using var _ = connection;
        Interlocked.Increment(ref _requestCount);
        try
        {
            var stream = connection.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
            var requestLine = await reader.ReadLineAsync(_stop.Token) ?? "";
            while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 }) { }
            await _answer(requestLine.Split(' ')[1], stream, _stop.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client went away, or the test is over: both are what some tests are about.
        }
    }
}
