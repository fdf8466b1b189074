namespace DistTrain.Simulation;

/// <summary>One direction of a connection: what is sent comes once and in order, or the connection ends. While it is blocked, nothing comes.</summary>
/// <param name="world">Time and chance.</param>
/// <param name="isBlocked">Whether nothing passes now.</param>
/// <param name="latency">How long the next message takes.</param>
internal sealed class Pipe(World world, Func<bool> isBlocked, Func<TimeSpan> latency)
{
    private readonly Queue<(long Number, byte[]? Message)> _stalled = new();
    private TimeSpan _lastAt;
    private long _sent;
    private long _come;
    private long _lostFrom = long.MaxValue;
    private bool _isClosed;

    /// <summary>Where messages go; null for the end of the connection.</summary>
    public required Action<byte[]?> Receive { get; init; }

    /// <summary>Messages sent and not yet taken by the receiver.</summary>
    public int InFlight { get; private set; }

    /// <summary>Sends a message; after the end it is lost.</summary>
    public void Send(byte[] message)
    {
        if (!_isClosed)
        {
            InFlight++;
            Plan(_sent++, message);
        }
    }

    /// <summary>The end of the connection comes after what is on its way.</summary>
    public void Close()
    {
        if (!_isClosed)
        {
            _isClosed = true;
            Plan(-1, null);
        }
    }

    /// <summary>Some of what is on its way is lost, and the connection ends.</summary>
    public void Cut()
    {
        _lostFrom = Math.Min(_lostFrom, _come + world.Dice.Below((int)(_sent - _come) + 1));
        Close();
    }

    /// <summary>Whatever is sent or on its way is lost, and nobody is told.</summary>
    public void Vanish() => (_isClosed, _lostFrom) = (true, -1);

    /// <summary>The receiver has taken a message.</summary>
    public void Taken() => InFlight--;

    /// <summary>What was blocked comes now.</summary>
    public void Unblock()
    {
        while (!isBlocked() && _stalled.TryDequeue(out var next))
        {
            Come(next.Number, next.Message);
        }
    }

    private void Plan(long number, byte[]? message)
    {
        var at = world.Time.Now + latency();
        _lastAt = at > _lastAt ? at : _lastAt;
        world.Time.After(_lastAt - world.Time.Now, () =>
        {
            if (isBlocked() || _stalled.Count > 0)
            {
                _stalled.Enqueue((number, message));
            }
            else
            {
                Come(number, message);
            }
        });
    }

    private void Come(long number, byte[]? message)
    {
        if (number >= _lostFrom)
        {
            InFlight--;
            return;
        }

        _come = Math.Max(_come, number + 1);
        Receive(message);
    }
}
