using System.Runtime.ExceptionServices;

namespace DistTrain.Core.Training;

/// <summary>
/// A fixed set of threads that run the same work side by side, the caller being the first of them. Between two pieces of work they spin
/// briefly, since a step follows a step within microseconds, and then block, so that an idle process costs no processor time.
/// </summary>
public sealed class ThreadTeam : IDisposable
{
    private const int SpinsBeforeBlocking = 200;

    private readonly Thread[] _threads;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim[] _wakeUps;
    private readonly int[] _blocked;
    private readonly SemaphoreSlim _allDone = new(0);
    private Action<int>? _work;
    private ExceptionDispatchInfo? _failure;
    private volatile int _generation;
    private volatile bool _stopping;
    private int _running;

    /// <summary>Starts <paramref name="count"/> − 1 threads.</summary>
    public ThreadTeam(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        _wakeUps = new SemaphoreSlim[count];
        _blocked = new int[count];
        _threads = new Thread[count - 1];
        for (var i = 1; i < count; i++)
        {
            var index = i;
            _wakeUps[i] = new SemaphoreSlim(0);
            _threads[i - 1] = new Thread(() => Serve(index)) { IsBackground = true, Name = $"compute {index}" };
            _threads[i - 1].Start();
        }
    }

    /// <summary>The number of threads, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Runs <paramref name="work"/> once on each thread with its index, and returns when all have ended.</summary>
    /// <remarks>An exception on any thread is thrown again here, the first one if there are several.</remarks>
    public void Run(Action<int> work)
    {
        if (Count == 1)
        {
            work(0);
            return;
        }

        _work = work;
        _failure = null;
        Volatile.Write(ref _running, Count - 1);
        _generation++;
        for (var i = 1; i < Count; i++)
        {
            if (Interlocked.Exchange(ref _blocked[i], 0) == 1)
            {
                _wakeUps[i].Release();
            }
        }

        RunOne(0);
        WaitForOthers();
        _failure?.Throw();
    }

    /// <summary>Ends the threads; the current work, if any, finishes first.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        for (var i = 1; i < Count; i++)
        {
            _wakeUps[i].Release();
            _threads[i - 1].Join();
            _wakeUps[i].Dispose();
        }

        _allDone.Dispose();
    }

    private void Serve(int index)
    {
        var seen = 0;
        while (AwaitGeneration(index, seen))
        {
            seen++;
            RunOne(index);
            if (Interlocked.Decrement(ref _running) == 0)
            {
                _allDone.Release();
            }
        }
    }

    private bool AwaitGeneration(int index, int seen)
    {
        for (var i = 0; i < SpinsBeforeBlocking && _generation == seen && !_stopping; i++)
        {
            Thread.SpinWait(20);
        }

        while (_generation == seen && !_stopping)
        {
            // Say "blocked" first and look again: Run raises the generation first and reads "blocked" then, so one of the two sees the other.
            Interlocked.Exchange(ref _blocked[index], 1);
            if (_generation != seen && Interlocked.Exchange(ref _blocked[index], 0) == 1)
            {
                break;
            }

            _wakeUps[index].Wait();
        }

        return !_stopping;
    }

    private void RunOne(int index)
    {
        try
        {
            _work!(index);
        }
#pragma warning disable CA1031 // The exception is not swallowed: Run throws it again on the caller's thread.
        catch (Exception e)
#pragma warning restore CA1031
        {
            lock (_gate)
            {
                _failure ??= ExceptionDispatchInfo.Capture(e);
            }
        }
    }

    private void WaitForOthers()
    {
        for (var i = 0; i < SpinsBeforeBlocking && Volatile.Read(ref _running) != 0; i++)
        {
            Thread.SpinWait(20);
        }

        _allDone.Wait();
    }
}
