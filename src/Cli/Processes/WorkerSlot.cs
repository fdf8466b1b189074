using System.ComponentModel;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Processes;

/// <summary>What the slots of a run share.</summary>
/// <param name="Context">The run.</param>
/// <param name="Surroundings">Says how to start this program again.</param>
/// <param name="Arguments">Of a worker, but for its name.</param>
/// <param name="IsOver">Whether the run has ended or is stopping: a worker that ends is then no surprise.</param>
/// <param name="Down">Told when a worker has ended before the run.</param>
internal sealed record WorkerSlotSetup(
    RunContext Context, Surroundings Surroundings, IReadOnlyList<string> Arguments, Func<bool> IsOver, Func<Task> Down);

/// <summary>
/// One of a run's own workers, by number: while it is wanted, there is a process; if that ends before the run, another one takes its name, its log file
/// and its place.
/// </summary>
internal sealed class WorkerSlot : IAsyncDisposable
{
    private const int LinesKept = 3;
    private const string StackFrame = "   at ";

    /// <summary>A worker that is asked to leave finishes its lease, which takes it ten seconds at most, and says goodbye.</summary>
    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(15);

    private readonly WorkerSlotSetup _setup;
    private readonly TimeProvider _time;
    private readonly string _name;
    private readonly string _path;
    private readonly LineFile _log;
    private readonly Queue<string> _lastLines = new();
    private readonly RestartRules _restarts;
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private readonly Task _serving;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ChildProcess? _process;
    private bool _isWanted = true;
    private bool _isRefused;

    /// <summary>Starts the first process.</summary>
    /// <param name="setup">What all slots share.</param>
    /// <param name="number">From 1.</param>
    public WorkerSlot(WorkerSlotSetup setup, int number)
    {
        (_setup, _time) = (setup, setup.Surroundings.Time);
        _name = FormattableString.Invariant($"local-{number}");
        _path = setup.Context.Run.Directory.WorkerLogPath(number);
        _log = new LineFile(_path, setup.Context.Run.Log.Warning);
#pragma warning disable CA5394 // Spreading restarts needs no secrecy.
        _restarts = new RestartRules(Random.Shared.NextDouble);
#pragma warning restore CA5394
        _serving = ServeAsync();
    }

    /// <summary>Whether the run is to have this worker.</summary>
    public bool IsWanted
    {
        get
        {
            lock (_gate)
            {
                return _isWanted;
            }
        }
    }

    /// <summary>Whether it ended in a way that starting it again cannot mend.</summary>
    public bool IsRefused
    {
        get
        {
            lock (_gate)
            {
                return _isRefused;
            }
        }
    }

    /// <summary>Whether there is a process that is to stay.</summary>
    public bool IsUp
    {
        get
        {
            lock (_gate)
            {
                return _isWanted && _process is { Exited.IsCompleted: false };
            }
        }
    }

    /// <summary>The last lines that it said, as one.</summary>
    public string LastWords
    {
        get
        {
            lock (_log)
            {
                return string.Join(" | ", _lastLines);
            }
        }
    }

    /// <summary>Has the worker, or lets it leave in order. Returns at once.</summary>
    public void Want(bool isWanted)
    {
        ChildProcess? leaving = null;
        lock (_gate)
        {
            if (_isWanted == isWanted)
            {
                return;
            }

            _isWanted = isWanted;
            // Who is wanted anew gets another chance.
            _isRefused = false;
            leaving = isWanted ? null : _process;
            var changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            changed.SetResult();
        }

        leaving?.AskToLeave();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _serving.ConfigureAwait(false);
        _log.Dispose();
        _ending.Dispose();
    }

    private async Task ServeAsync()
    {
        while (await UntilWantedAsync().ConfigureAwait(false))
        {
            var since = _time.GetTimestamp();
            var how = await RunOneAsync().ConfigureAwait(false);
            if (_ending.IsCancellationRequested || _setup.IsOver())
            {
                return;
            }

            if (IsWanted)
            {
                await TellAsync(how, since).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Says that the worker has ended too early, and waits until it may be started again.</summary>
    private async Task TellAsync(Ending how, long since)
    {
        var wait = how.IsFinal ? TimeSpan.Zero : _restarts.Next(_time.GetElapsedTime(since));
        lock (_gate)
        {
            _isRefused = how.IsFinal;
        }

        var next = how.IsFinal ? "it is not started again" : FormattableString.Invariant($"started again in {wait.TotalSeconds:0.0} s");
        _setup.Context.Reporter.WorkerChanged("exited", how.Process is { } id ? FormattableString.Invariant($"{_name} (pid {id})") : _name, how.Process, $"{how.Text}{(LastWords is { Length: > 0 } words ? $", after saying: {words}" : "")}; {next}; its messages are in {_path}");
        await _setup.Down().ConfigureAwait(false);
        await WaitAsync(wait).ConfigureAwait(false);
    }

    /// <summary>Starts a process and waits for its end.</summary>
    private async Task<Ending> RunOneAsync()
    {
        ChildProcess process;
        try
        {
            process = ChildProcess.Start(_setup.Surroundings, [.. _setup.Arguments, Options.CommonOptions.WorkerName.Name, _name], Write, Write);
        }
        catch (Win32Exception e)
        {
            return new Ending(null, $"it cannot be started: {e.Message}", IsFinal: false);
        }

        var log = _setup.Context.Run.Log;
        log.Information($"Started worker process {process.Id} as {_name}; its messages are in {_path}.");
        Task changed;
        lock (_gate)
        {
            _process = process;
            // Who is no longer wanted by now was not there to be told.
            changed = _isWanted ? _changed.Task : Task.CompletedTask;
        }

        await using (process.ConfigureAwait(false))
        {
            if (changed.IsCompleted)
            {
                process.AskToLeave();
            }

            await Task.WhenAny(process.Exited, EndingAsync(), LeftTooLateAsync(changed)).ConfigureAwait(false);
        }

        lock (_gate)
        {
            _process = null;
        }

        var code = await process.Exited.ConfigureAwait(false);
        // 128 + n is how a shell and this class say "killed by signal n".
        var how = code > 128 ? FormattableString.Invariant($"killed by signal {code - 128}") : FormattableString.Invariant($"exit code {code}");
        log.Information($"Worker process {process.Id} has ended: {how}.");
        return new Ending(process.Id, how, RestartRules.IsFinal(code));
    }

    private Task EndingAsync() => Task.Delay(Timeout.InfiniteTimeSpan, _time, _ending.Token);

    /// <summary>Completes some time after the worker was asked to leave.</summary>
    private async Task LeftTooLateAsync(Task changed)
    {
        await changed.ConfigureAwait(false);
        await Task.Delay(LeavePatience, _time, _ending.Token).ConfigureAwait(false);
    }

    /// <summary>Waits until there is to be a process; false if there is to be none any more.</summary>
    private async Task<bool> UntilWantedAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            Task changed;
            lock (_gate)
            {
                if (_isWanted && !_isRefused)
                {
                    return true;
                }

                changed = _changed.Task;
            }

            await Task.WhenAny(changed, EndingAsync()).ConfigureAwait(false);
        }

        return false;
    }

    private async Task WaitAsync(TimeSpan wait)
    {
        Task changed;
        lock (_gate)
        {
            changed = _changed.Task;
        }

        await Task.WhenAny(changed, Task.Delay(wait, _time, _ending.Token)).ConfigureAwait(false);
    }

    private void Write(string line)
    {
        lock (_log)
        {
            _log.Write(line);
            if (line.StartsWith(StackFrame, StringComparison.Ordinal))
            {
                // What a crash is, the runtime says in the line before; where, is a matter for the log.
                return;
            }

            _lastLines.Enqueue(line);
            if (_lastLines.Count > LinesKept)
            {
                _lastLines.Dequeue();
            }
        }
    }

    private sealed record Ending(int? Process, string Text, bool IsFinal);
}
