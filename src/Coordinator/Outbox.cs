using System.Threading.Channels;
using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Coordinator;

/// <summary>
/// What is to be sent to one worker; its single pump is the stream's only writer. The queue is bounded by what it may hold, not by blocking:
/// newer parameters replace older ones and the leases that went with them, so a slow reader delays itself and nobody else (3.4).
/// </summary>
internal sealed class Outbox
{
    /// <summary>Answers to a worker that sends but never reads; a worker that lets so many wait is dropped.</summary>
    private const int MaximumItems = 4096;

    /// <summary>Bytes that may wait in the server's buffer before they are flushed to the network.</summary>
    private const int FlushBytes = 256 * 1024;

    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Flushed = new();

    private readonly Lock _gate = new();
    private readonly LinkedList<Item> _items = new();
    private readonly Channel<bool> _wakeUp = Channel.CreateBounded<bool>(new BoundedChannelOptions(1)
    {
        FullMode = BoundedChannelFullMode.DropWrite,
        SingleReader = true,
    });

    private Item? _current;
    private bool _isClosed;
    private long _writes;
    private long _writing;

    private enum ItemKind
    {
        Other,
        Parameters,
        Lease,
        Last,
    }

    /// <summary>True if the worker has let too much wait.</summary>
    public bool IsOverfull
    {
        get
        {
            lock (_gate)
            {
                return _items.Count > MaximumItems;
            }
        }
    }

    /// <summary>How many sets of parameters, leases and other messages wait.</summary>
    internal (int Parameters, int Leases, int Others) Waiting
    {
        get
        {
            lock (_gate)
            {
                return (Count(ItemKind.Parameters), Count(ItemKind.Lease), Count(ItemKind.Other));
            }

            int Count(ItemKind kind) => _items.Count(item => item.Kind == kind);
        }
    }

    /// <summary>The number of the message being written, from 1; 0 while none is. One that stays the same waits for the worker to read.</summary>
    public long Writing => Volatile.Read(ref _writing);

    /// <summary>Whether these parameters wait to be sent, or are not sent to the end.</summary>
    public bool Holds(IReadOnlyList<CoordinatorMessage> parameters)
    {
        lock (_gate)
        {
            if (_current?.Messages == parameters)
            {
                return true;
            }

            foreach (var item in _items)
            {
                if (item.Messages == parameters)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Queues a message.</summary>
    public void Send(CoordinatorMessage message) => Add(new Item(ItemKind.Other, [message]));

    /// <summary>Queues a dataset.</summary>
    public void SendAll(IEnumerable<CoordinatorMessage> messages) => Add(new Item(ItemKind.Other, messages));

    /// <summary>Queues parameters; those still waiting are dropped with their leases, those half sent are cut off.</summary>
    public void SendParameters(IReadOnlyList<CoordinatorMessage> messages)
    {
        lock (_gate)
        {
            Drop(ItemKind.Parameters);
            Drop(ItemKind.Lease);
            if (_current is { Kind: ItemKind.Parameters } halfSent)
            {
                halfSent.IsSuperseded = true;
            }
        }

        Add(new Item(ItemKind.Parameters, messages));
    }

    /// <summary>Queues a lease; one that still waits has been revoked, and is dropped.</summary>
    public void SendLease(CoordinatorMessage message)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            Drop(ItemKind.Lease);
        }

        Add(new Item(ItemKind.Lease, [message]));
    }

    /// <summary>Queues the last message; the pump ends after it.</summary>
    public void SendLast(CoordinatorMessage message) => Add(new Item(ItemKind.Last, [message]));

    /// <summary>Writes until the last message is written or the token is cancelled.</summary>
    public async Task PumpAsync(IServerStreamWriter<CoordinatorMessage> stream, CancellationToken cancellation)
    {
        while (await _wakeUp.Reader.WaitToReadAsync(cancellation))
        {
            _wakeUp.Reader.TryRead(out _);
            while (Take() is { } item)
            {
                await WriteAsync(item, stream, cancellation);
                if (item.Kind == ItemKind.Last)
                {
                    return;
                }
            }
        }
    }

    /// <summary>
    /// The pump without a thread of its own: each message in order, until nothing waits. A message counts as being written until the next one is
    /// asked for. One enumeration at a time, and never beside <see cref="PumpAsync"/>.
    /// </summary>
    internal IEnumerable<CoordinatorMessage> Drain()
    {
        while (Take() is { } item)
        {
            using var messages = item.Messages.GetEnumerator();
            while (!item.IsSuperseded && messages.MoveNext())
            {
                Volatile.Write(ref _writing, ++_writes);
                yield return messages.Current;
                Volatile.Write(ref _writing, 0);
            }

            if (item.Kind == ItemKind.Last)
            {
                yield break;
            }
        }
    }

    private async Task WriteAsync(Item item, IServerStreamWriter<CoordinatorMessage> stream, CancellationToken cancellation)
    {
        var unflushed = 0;
        using var messages = item.Messages.GetEnumerator();
        var more = messages.MoveNext();
        while (more && !item.IsSuperseded)
        {
            var message = messages.Current;
            more = messages.MoveNext();
            unflushed += message.CalculateSize();
            var flush = unflushed >= FlushBytes || (!more && !HasMore());
            unflushed = flush ? 0 : unflushed;
            await WriteAsync(message, flush, stream, cancellation);
            if (item.Kind == ItemKind.Parameters && TakeLease() is { } lease)
            {
                unflushed = 0;
                await WriteAsync(lease, flush: true, stream, cancellation);
            }
        }
    }

    private async Task WriteAsync(CoordinatorMessage message, bool flush, IServerStreamWriter<CoordinatorMessage> stream, CancellationToken cancellation)
    {
        Volatile.Write(ref _writing, ++_writes);
        stream.WriteOptions = flush ? Flushed : Buffered;
        await stream.WriteAsync(message, cancellation);
        Volatile.Write(ref _writing, 0);
    }

    /// <summary>(3.4) The lease that waits directly behind the parameters being sent: it may overtake them, so that computing begins with what has come.</summary>
    private CoordinatorMessage? TakeLease()
    {
        lock (_gate)
        {
            if (_current is not { IsSuperseded: false } || _items.First?.Value is not { Kind: ItemKind.Lease } lease)
            {
                return null;
            }

            _items.RemoveFirst();
            return lease.Messages.First();
        }
    }

    /// <summary>Drops what waits of a kind; under the gate.</summary>
    private void Drop(ItemKind kind)
    {
        for (var node = _items.First; node is not null;)
        {
            var next = node.Next;
            if (node.Value.Kind == kind)
            {
                _items.Remove(node);
            }

            node = next;
        }
    }

    private void Add(Item item)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = item.Kind == ItemKind.Last;
            _items.AddLast(item);
        }

        _wakeUp.Writer.TryWrite(true);
    }

    private Item? Take()
    {
        lock (_gate)
        {
            _current = _items.First?.Value;
            if (_current is not null)
            {
                _items.RemoveFirst();
            }

            return _current;
        }
    }

    private bool HasMore()
    {
        lock (_gate)
        {
            return _items.First is not null;
        }
    }

    private sealed class Item(ItemKind kind, IEnumerable<CoordinatorMessage> messages)
    {
        private volatile bool _isSuperseded;

        public ItemKind Kind { get; } = kind;

        public IEnumerable<CoordinatorMessage> Messages { get; } = messages;

        public bool IsSuperseded
        {
            get => _isSuperseded;
            set => _isSuperseded = value;
        }
    }
}
