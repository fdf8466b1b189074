using System.Diagnostics;
using DistTrain.Cli.Runs;

namespace DistTrain.Chaos;

/// <summary>An event of a coordinator and when it was read here, since this log began.</summary>
internal readonly record struct Seen(RunEvent Event, TimeSpan At, int Number);

/// <summary>What coordinators have told, in order; one log outlives the coordinators of a run. Thread-safe.</summary>
internal sealed class EventLog
{
    private readonly Lock _gate = new();
    private readonly List<Seen> _seen = [];
    private readonly List<(Func<Seen, bool> IsWanted, TaskCompletionSource<Seen> Found)> _awaited = [];
    private readonly long _began = Stopwatch.GetTimestamp();

    /// <summary>Time since the log began.</summary>
    public TimeSpan Now => Stopwatch.GetElapsedTime(_began);

    /// <summary>How many events there are: a mark to wait from.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _seen.Count;
            }
        }
    }

    /// <summary>Takes a line of a coordinator's standard output; other lines than events are left out.</summary>
    public void Take(string line)
    {
        if (RunEvent.FromJson(line) is not { } happened)
        {
            return;
        }

        lock (_gate)
        {
            var seen = new Seen(happened, Now, _seen.Count);
            _seen.Add(seen);
            for (var i = _awaited.Count - 1; i >= 0; i--)
            {
                if (_awaited[i].IsWanted(seen))
                {
                    _awaited[i].Found.TrySetResult(seen);
                    _awaited.RemoveAt(i);
                }
            }
        }
    }

    /// <summary>Everything so far.</summary>
    public IReadOnlyList<Seen> All()
    {
        lock (_gate)
        {
            return [.. _seen];
        }
    }

    /// <summary>All worker events of a kind.</summary>
    /// <param name="what">joined, left, lost, refused, reissued, waiting.</param>
    /// <param name="from">The first event to look at.</param>
    public IReadOnlyList<(WorkerChanged Event, TimeSpan At)> Workers(string what, int from = 0) =>
    [
        .. All().Skip(from).Where(seen => seen.Event is WorkerChanged changed && changed.What == what).Select(seen => ((WorkerChanged)seen.Event, seen.At)),
    ];

    /// <summary>The first event from a mark on that is wanted; waits for it.</summary>
    /// <exception cref="RowFailedException">There is none in time.</exception>
    public async Task<Seen> FirstAsync(string whatFor, Func<RunEvent, bool> isWanted, int from, TimeSpan patience)
    {
        var found = new TaskCompletionSource<Seen>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            foreach (var seen in _seen.Skip(from))
            {
                if (isWanted(seen.Event))
                {
                    return seen;
                }
            }

            _awaited.Add((seen => isWanted(seen.Event), found));
        }

        try
        {
            return await found.Task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            throw new RowFailedException($"waited {patience.TotalSeconds:0.#} s for {whatFor}");
        }
    }

    /// <summary>The longest time between two events that say how far the run is, from the first step to the end.</summary>
    public TimeSpan LongestStall()
    {
        var steps = All().Where(seen => seen.Event is Progress or EpochDone or Completed).Select(seen => seen.At).ToArray();
        return steps.Length < 2 ? TimeSpan.Zero : steps.Zip(steps.Skip(1), (before, after) => after - before).Max();
    }
}
