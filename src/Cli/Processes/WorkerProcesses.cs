using System.Globalization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Processes;

/// <summary>
/// The workers of <c>train --workers N</c>: as many as are wanted, each started again when it ends before the run. They end with this object, however the
/// run ends.
/// </summary>
public sealed class WorkerProcesses : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<WorkerSlot> _slots = [];
    private readonly WorkerSlotSetup _setup;
    private readonly Func<int, Task> _remain;
    private readonly TaskCompletionSource<string> _allRefused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isDisposed;

    /// <summary>Starts them.</summary>
    /// <param name="context">The run.</param>
    /// <param name="surroundings">Says how to start this program again.</param>
    /// <param name="coordinator">Where they join.</param>
    /// <param name="threads">Of each.</param>
    /// <param name="startTimeout">How long they look for the coordinator.</param>
    /// <param name="isOver">Whether the run has ended or is stopping.</param>
    /// <param name="remain">Told how many are there when one has ended before the run did, or is no longer wanted.</param>
    public WorkerProcesses(
        RunContext context, Surroundings surroundings, string coordinator, int threads, TimeSpan startTimeout, Func<bool> isOver, Func<int, Task> remain)
    {
        _remain = remain;
        string[] arguments =
        [
            "worker",
            CommonOptions.Coordinator.Name, coordinator,
            CommonOptions.Threads.Name, threads.ToString(CultureInfo.InvariantCulture),
            CommonOptions.StartTimeout.Name, startTimeout.TotalSeconds.ToString("R", CultureInfo.InvariantCulture),
            .. context.DataDirectory is { } data ? (string[])[CommonOptions.Data.Name, data] : [],
        ];
        _setup = new WorkerSlotSetup(context, surroundings, arguments, isOver, DownAsync);
    }

    /// <summary>Completes when all that are wanted were refused for good: nobody comes again. Says the last words of the first.</summary>
    public Task<string> AllRefused => _allRefused.Task;

    /// <summary>Has so many: starts more, or lets the newest leave in order. Returns before they have joined or left.</summary>
    /// <param name="count">At least 0.</param>
    /// <returns>How many there were to be before.</returns>
    public int Scale(int count)
    {
        lock (_gate)
        {
            var before = _slots.Count(slot => slot.IsWanted);
            if (_isDisposed)
            {
                return before;
            }

            for (var number = _slots.Count; number >= 1; number--)
            {
                _slots[number - 1].Want(number <= count);
            }

            while (_slots.Count < count)
            {
                _slots.Add(new WorkerSlot(_setup, _slots.Count + 1));
            }

            if (count < before)
            {
                // Who was sent away will not join. The run loop takes it in when it comes to it.
                _ = _remain(count);
            }

            return before;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        WorkerSlot[] slots;
        lock (_gate)
        {
            _isDisposed = true;
            slots = [.. _slots];
        }

        await Task.WhenAll(slots.Select(slot => slot.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    /// <summary>A worker has ended before the run.</summary>
    private async Task DownAsync()
    {
        int left;
        lock (_gate)
        {
            left = _slots.Count(slot => slot.IsUp);
            var wanted = _slots.FindAll(slot => slot.IsWanted);
            if (wanted.Count > 0 && wanted.TrueForAll(slot => slot.IsRefused))
            {
                _allRefused.TrySetResult(wanted[0].LastWords);
            }
        }

        await _remain(left).ConfigureAwait(false);
    }
}
