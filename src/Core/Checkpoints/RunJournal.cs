using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// All that a run leaves on disk to go on from and to be proved by: checkpoints, hash chain and ledger, under the run's lock. One thread trains
/// and calls; another writes. The training thread never waits for the disk, but in <see cref="Begin"/>, <see cref="WaitForSave"/>,
/// <see cref="Flush"/> and <see cref="Dispose"/>.
/// </summary>
public sealed class RunJournal : IRunRecorder, IDisposable
{
    /// <summary>The checkpoints' directory in the run's.</summary>
    public const string CheckpointsName = "checkpoints";

    /// <summary>The hash chain's file in the run's directory: <see cref="HashChainLog"/>.</summary>
    public const string ChainName = "chain.bin";

    /// <summary>The ledger's file in the run's directory: <see cref="Ledger"/>.</summary>
    public const string LedgerName = "ledger.bin";

    /// <summary>The files that a journal makes beside the checkpoints.</summary>
    public static IReadOnlyList<string> FileNames { get; } = [ChainName, LedgerName, RunLock.LockName, RunLock.IncarnationName];

    // Half a minute of steps on a fast run, so that what a kill loses of the logs is little, and is done again anyway.
    private const int FlushBytes = 1 << 20;

    private readonly RunLock _lock;
    private readonly RunLogs _logs;
    private readonly JournalOptions _options;
    private readonly Action<string> _warn;
    private readonly Thread _saver;
    private readonly object _gate = new();
    private TrainingSnapshot? _snapshot;
    private TimeSpan _saveBegan;
    private SaveResult? _lastResult;
    private bool _isSaving;
    private bool _isTelling;
    private bool _isFlushDue;
    private bool _isStopping;

    private RunJournal(IFileSystem files, string directory, RunLock held, CheckpointStore store, JournalOptions options, Action<string> warn)
    {
        (_lock, Store, _options, _warn) = (held, store, options, warn);
        _logs = new RunLogs(files, directory, held, warn);
        _saver = new Thread(Serve) { IsBackground = true, Name = "checkpoint saver" };
    }

    /// <summary>The number of this taking over of the run.</summary>
    public ulong Incarnation => _lock.Incarnation;

    /// <summary>The run's lock.</summary>
    public RunLock Lock => _lock;

    /// <summary>The run's checkpoints.</summary>
    public CheckpointStore Store { get; }

    /// <summary>Whether a save is in flight.</summary>
    public bool IsSaving
    {
        get
        {
            lock (_gate)
            {
                return _isSaving;
            }
        }
    }

    /// <summary>Whether another process has been found to have taken the run over: nothing more is written, and this process should stop.</summary>
    public bool IsSuperseded => _logs.IsSuperseded;

    /// <summary>Called at the end of each save, on the thread that saved; the next save may begin. May be null.</summary>
    public Action<SaveResult>? Saved { get; set; }

    /// <summary>Takes a run over, and clears away what its last holder left half done.</summary>
    /// <param name="files">The disk.</param>
    /// <param name="runDirectory">The run; made if missing.</param>
    /// <param name="holder">This process.</param>
    /// <param name="options">How to keep it.</param>
    /// <param name="warn">Told of damage and of disk errors that do not stop the run; on any thread.</param>
    /// <exception cref="InvalidInputException">Another process holds the run (the message says which), or the directory cannot be used.</exception>
    public static RunJournal Open(IFileSystem files, string runDirectory, RunHolder holder, JournalOptions options, Action<string> warn)
    {
        var journal = OpenUnserved(files, runDirectory, holder, options, warn);
        journal._saver.Start();
        return journal;
    }

    /// <summary>A journal without a thread: what waits to be written is written by <see cref="ServeWaiting"/>. For a simulation.</summary>
    internal static RunJournal OpenUnserved(IFileSystem files, string runDirectory, RunHolder holder, JournalOptions options, Action<string> warn)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.KeepCheckpoints, 1, nameof(options));
        var directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(runDirectory));
        var store = new CheckpointStore(files, Path.Combine(directory, CheckpointsName));
        return OrInvalidInput(directory, () =>
        {
            var held = RunLock.Take(files, directory, holder, HighestIncarnation, warn);
            try
            {
                store.DeleteTemporaries();
                return new RunJournal(files, directory, held, store, options, warn);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        });

        ulong HighestIncarnation() =>
            Math.Max(store.HighestIncarnation(), Ledger.HighestIncarnation(files, Path.Combine(directory, LedgerName)));
    }

    /// <summary>The newest valid checkpoint of this run, with a warning for each newer one that is not; null if there is none.</summary>
    public LoadedCheckpoint? LoadNewest() => Store.LoadNewest(_warn);

    /// <inheritdoc/>
    public bool Holds(long steps) => Store.Steps.Contains(steps);

    /// <summary>Opens chain and ledger where the run begins or goes on. Before anything below; once.</summary>
    /// <exception cref="InvalidInputException">They cannot be opened.</exception>
    public void Begin(TrainingState state)
    {
        OrInvalidInput(_logs.Chain.Path, () =>
        {
            _logs.Chain.Begin(state.StepsDone, state.Chain, _warn);
            _logs.Ledger.Begin(state.StepsDone, _warn);
            return true;
        });
        _snapshot?.Dispose();
        _snapshot = new TrainingSnapshot(state.Spec);
        // Its pages are there from now on: the first save costs what the others do.
        state.CopyTo(_snapshot);
    }

    /// <summary>Enters an accepted training partial in the ledger, in memory.</summary>
    public void Count(long step, ShardRange node, int worker) => _logs.Ledger.Append(new LedgerRecord(step, Incarnation, worker, node));

    /// <summary>Enters the parameters after a step in the chain, in memory. Before <see cref="BeginSave"/>.</summary>
    public void StepDone(TrainingState state)
    {
        _logs.Chain.Append(state.StepsDone, state.Chain);
        if (_logs.PendingBytes >= FlushBytes)
        {
            lock (_gate)
            {
                _isFlushDue = true;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>
    /// Begins to save a checkpoint: copies the state here and now, and writes it on another thread, which first makes chain and ledger up to
    /// here durable and afterwards deletes checkpoints that are too old.
    /// </summary>
    /// <exception cref="InvalidOperationException">A save is in flight: see <see cref="IsSaving"/>; or <see cref="Begin"/> was not called.</exception>
    public void BeginSave(TrainingState state)
    {
        lock (_gate)
        {
            if (_isSaving || _snapshot is null)
            {
                throw new InvalidOperationException(_isSaving ? "A save is in flight." : "The journal has not begun.");
            }

            _saveBegan = Now();
            state.CopyTo(_snapshot);
            _isSaving = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until no save is in flight and <see cref="Saved"/> has returned.</summary>
    /// <returns>What became of the last one; null if there was none.</returns>
    public SaveResult? WaitForSave()
    {
        lock (_gate)
        {
            while (_isSaving || _isTelling)
            {
                Monitor.Wait(_gate);
            }

            return _lastResult;
        }
    }

    /// <summary>
    /// Makes chain and ledger durable; if the disk fails, warns, keeps them and tries again with the next flush. If the run was taken over, they
    /// are no longer this process's to write.
    /// </summary>
    public void Flush() => _logs.TryFlush();

    /// <summary>Waits for the save in flight, makes the logs durable and gives the run back.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        if (_saver.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            ServeWaiting();
        }
        else
        {
            _saver.Join();
        }

        if (_snapshot is not null)
        {
            Flush();
        }

        _logs.Dispose();
        _snapshot?.Dispose();
        _lock.Dispose();
    }

    /// <summary>Writes what waits to be written, on the caller's thread.</summary>
    internal void ServeWaiting()
    {
        while (ServeNext(waits: false))
        {
        }
    }

    private void Serve()
    {
        while (ServeNext(waits: true))
        {
        }
    }

    /// <returns>False if there is nothing to do any more.</returns>
    private bool ServeNext(bool waits)
    {
        bool isSaving;
        lock (_gate)
        {
            while (waits && !_isSaving && !_isFlushDue && !_isStopping)
            {
                Monitor.Wait(_gate);
            }

            isSaving = _isSaving;
            if (!isSaving && !_isFlushDue)
            {
                return false;
            }

            _isFlushDue = false;
        }

        if (!isSaving)
        {
            Flush();
            return true;
        }

        var result = Save(_snapshot!);
        lock (_gate)
        {
            (_lastResult, _isSaving, _isTelling) = (result, false, true);
        }

        // Who is told may begin the next one at once.
        Saved?.Invoke(result);
        lock (_gate)
        {
            _isTelling = false;
            Monitor.PulseAll(_gate);
        }

        return true;
    }

    private SaveResult Save(TrainingSnapshot snapshot)
    {
        string path;
        try
        {
            path = Store.Save(snapshot, Incarnation, beforeRename: () =>
            {
                _logs.Flush();
                _logs.EnsureNotFenced();
            });
        }
        catch (NotFiniteException e)
        {
            return Failed(SaveOutcome.NotFinite, e);
        }
        catch (SupersededException e)
        {
            return Failed(SaveOutcome.Superseded, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Failed(SaveOutcome.DiskFailed, e);
        }

        var saved = new SaveResult(snapshot.StepsDone, SaveOutcome.Saved, path, Failure: null, Now() - _saveBegan);
        try
        {
            Store.Retain(_options.KeepCheckpoints);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _warn($"Old checkpoints could not be deleted: {e.Message}");
        }

        return saved;

        SaveResult Failed(SaveOutcome outcome, Exception e) => new(snapshot.StepsDone, outcome, Path: null, e.Message, Now() - _saveBegan);
    }

    private TimeSpan Now() => _options.Clock?.Invoke() ?? TimeSpan.Zero;

    private static T OrInvalidInput<T>(string path, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{path}: the run cannot be kept there: {e.Message}", e);
        }
    }
}
