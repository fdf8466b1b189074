using System.Net;
using System.Net.Sockets;

namespace DistTrain.Cluster.Tests;

/// <summary>What happens to bytes on their way; they may be changed in place.</summary>
/// <param name="bytes">What came in one piece.</param>
/// <param name="isToTarget">The direction.</param>
/// <returns>How many of them pass; the connection is closed behind the last one if not all do.</returns>
internal delegate ValueTask<int> Passing(Memory<byte> bytes, bool isToTarget);

/// <summary>A wire that a test can cut: to whoever is connected through it, the coordinator's process is gone then, or silent.</summary>
internal sealed class LoopbackProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _cut = new();
    private readonly List<Socket> _sockets = [];
    private readonly Task _accepting;
    private readonly Passing? _passing;
    private volatile bool _isSilent;

    /// <param name="target">Where connections lead.</param>
    /// <param name="passing">What happens to bytes on their way; null lets them pass.</param>
    public LoopbackProxy(IPEndPoint target, Passing? passing = null)
        : this(_ => target, passing)
    {
    }

    /// <param name="targetOf">Where each connection leads, counted from 0.</param>
    /// <param name="passing">What happens to bytes on their way; null lets them pass.</param>
    public LoopbackProxy(Func<int, IPEndPoint> targetOf, Passing? passing = null)
    {
        _passing = passing;
        _listener.Start();
        _accepting = AcceptAsync(targetOf);
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

    private async Task AcceptAsync(Func<int, IPEndPoint> targetOf)
    {
        try
        {
            for (var count = 0; ; count++)
            {
                var near = Keep(await _listener.AcceptSocketAsync(_cut.Token));
                var far = Keep(new Socket(SocketType.Stream, ProtocolType.Tcp));
                await far.ConnectAsync(targetOf(count), _cut.Token);
                _ = PassAsync(near, far, isToTarget: true);
                _ = PassAsync(far, near, isToTarget: false);
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

    private async Task PassAsync(Socket from, Socket to, bool isToTarget)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int count; (count = await from.ReceiveAsync(buffer, _cut.Token)) > 0;)
            {
                var passes = _passing is null ? count : await _passing(buffer.AsMemory(0, count), isToTarget);
                if (!_isSilent)
                {
                    await to.SendAsync(buffer.AsMemory(0, passes), _cut.Token);
                }

                if (passes < count)
                {
                    from.Dispose();
                    to.Dispose();
                    return;
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
