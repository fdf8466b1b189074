using System.Net;
using Microsoft.AspNetCore.Connections;

namespace DistTrain.Coordinator.Identity;

/// <summary>
/// How many connections there may be whose peers have not yet shown who they are, and how long each may take for it. Those of workers and operators do not
/// count once they have. For any thread.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="patience">How long a stranger may stay one.</param>
/// <param name="reports">Told of those hung up on.</param>
internal sealed class StrangerLimits(TimeProvider time, TimeSpan patience, RefusalReports reports)
{
    /// <summary>From one address.</summary>
    public const int MostOfOne = 64;

    /// <summary>From all addresses.</summary>
    public const int Most = 512;

    private static readonly object Key = new();

    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _strangers = [];
    private int _all;

    /// <summary>A connection's life, around everything that reads from it.</summary>
    public async Task ServeAsync(ConnectionContext connection, Func<Task> serve)
    {
        var endPoint = connection.RemoteEndPoint as IPEndPoint;
        var address = endPoint?.Address ?? IPAddress.None;
        if (!TryEnter(address))
        {
            reports.Tell(address, endPoint?.ToString() ?? "unknown", "too many connections from strangers are open");
            connection.Abort(new ConnectionAbortedException("Too many connections."));
            return;
        }

        using var stranger = new Stranger(() => Leave(address));
        connection.Items[Key] = stranger;
        await using var deadline = time.CreateTimer(
            _ =>
            {
                if (!stranger.IsKnown)
                {
                    reports.Tell(address, endPoint?.ToString() ?? "unknown", "it did not say in time who it is");
                    connection.Abort(new ConnectionAbortedException("No identity in time."));
                }
            },
            null,
            patience,
            Timeout.InfiniteTimeSpan);
        await serve();
    }

    /// <summary>It has shown who it is.</summary>
    public static void Know(ConnectionContext connection) => (connection.Items.TryGetValue(Key, out var stranger) ? stranger as Stranger : null)?.Dispose();

    private bool TryEnter(IPAddress address)
    {
        lock (_gate)
        {
            var there = _strangers.GetValueOrDefault(address);
            if (there >= MostOfOne || _all >= Most)
            {
                return false;
            }

            _strangers[address] = there + 1;
            _all++;
            return true;
        }
    }

    private void Leave(IPAddress address)
    {
        lock (_gate)
        {
            _all--;
            if (--_strangers[address] == 0)
            {
                _strangers.Remove(address);
            }
        }
    }

    /// <summary>A place among the strangers, given up once.</summary>
    private sealed class Stranger(Action leave) : IDisposable
    {
        private int _known;

        public bool IsKnown => Volatile.Read(ref _known) != 0;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _known, 1) == 0)
            {
                leave();
            }
        }
    }
}
