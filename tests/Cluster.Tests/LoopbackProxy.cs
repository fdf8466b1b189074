using System.Net;
using System.Net.Sockets;

namespace DistTrain.Cluster.Tests;

/// <summary>A wire that a test can cut: to whoever is connected through it, the coordinator's process is gone then, or silent.</summary>
internal sealed class LoopbackProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _cut = new();
    private readonly List<Socket> _sockets = [];
    private readonly Task _accepting;
    private volatile bool _isSilent;

    public LoopbackProxy(IPEndPoint target)
    {
        _listener.Start();
        _accepting = AcceptAsync(target);
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Swallows every byte from now on, and still accepts connections.</summary>
    public void FallSilent() => _isSilent = true;

    /// <summary>Closes everything; nobody listens any more.</summary>
    public void Cut()
    {
        _cut.Cancel();
        _listener.Stop();
        lock (_sockets)
        {
            _sockets.ForEach(socket => socket.Dispose());
        }
    }

    public async ValueTask DisposeAsync()
    {
        Cut();
        await _accepting;
        _cut.Dispose();
        _listener.Dispose();
    }

    private async Task AcceptAsync(IPEndPoint target)
    {
        try
        {
            while (true)
            {
                var near = Keep(await _listener.AcceptSocketAsync(_cut.Token));
                var far = Keep(new Socket(SocketType.Stream, ProtocolType.Tcp));
                await far.ConnectAsync(target, _cut.Token);
                _ = PassAsync(near, far);
                _ = PassAsync(far, near);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }

    private Socket Keep(Socket socket)
    {
        lock (_sockets)
        {
            _sockets.Add(socket);
        }

        return socket;
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int count; (count = await from.ReceiveAsync(buffer, _cut.Token)) > 0;)
            {
                if (!_isSilent)
                {
                    await to.SendAsync(buffer.AsMemory(0, count), _cut.Token);
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
