using DistTrain.Core.Tensors;

namespace DistTrain.Transport.SharedMemory;

/// <summary>
/// Tells one sleeper, maybe in another process, that there is something to do. The one who waits reads <see cref="Value"/>, looks for work, and only
/// then calls <see cref="Await"/> with what it read: a ring in between is not lost.
/// </summary>
public sealed unsafe class Doorbell : IDisposable
{
    /// <summary>The bytes of a doorbell: a line of the cache of its own.</summary>
    public const int SizeBytes = 64;

    /// <summary>The processor's time, whatever time a run lives in.</summary>
    private static readonly TimeProvider Clock = TimeProvider.System;

    /// <summary>
    /// Waits that are usually shorter than this are not worth a sleep: falling asleep and waking takes tens of microseconds. While it waits it yields, so
    /// that whoever else is ready has the processor.
    /// </summary>
    private static readonly long LongestSpin = Clock.TimestampFrequency / 500;

    private const int YieldsBetweenLooks = 8;

    private readonly AlignedBuffer<int>? _own;
    private readonly object _gate = new();
    private readonly int* _value;
    private readonly int* _sleepers;
    private readonly bool _spins;
    private long _usualWait;

    /// <summary>A doorbell within this process.</summary>
    /// <param name="spins">Whether to look for a short while before sleeping.</param>
    public Doorbell(bool spins)
    {
        _own = new AlignedBuffer<int>(SizeBytes / sizeof(int));
        _value = _own.Pointer;
        _sleepers = _value + 1;
        _spins = spins;
    }

    /// <summary>A doorbell in memory that processes share; only where <see cref="Futex.IsSupported"/>.</summary>
    /// <param name="memory"><see cref="SizeBytes"/> of it, zero at first, for as long as this object is used.</param>
    /// <param name="spins">Whether to look for a short while before sleeping.</param>
    internal Doorbell(byte* memory, bool spins)
    {
        _value = (int*)memory;
        _sleepers = _value + 1;
        _spins = spins;
    }

    /// <summary>Counts the rings.</summary>
    public int Value => Volatile.Read(ref *_value);

    /// <summary>Rings; any thread of any process.</summary>
    public void Ring()
    {
        // The value first and then the sleepers; Await does it the other way round, so one of the two sees the other.
        Interlocked.Increment(ref *_value);
        if (Volatile.Read(ref *_sleepers) == 0)
        {
            return;
        }

        if (Futex.IsSupported)
        {
            Futex.WakeAll(_value);
            return;
        }

        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Returns when it has rung since <see cref="Value"/> was <paramref name="seen"/>. One thread only.</summary>
    public void Await(int seen) => Await(seen, Timeout.InfiniteTimeSpan);

    /// <summary>The same, but no later than <paramref name="timeout"/>, in the processor's time. One thread only.</summary>
    public void Await(int seen, TimeSpan timeout)
    {
        if (Value != seen)
        {
            return;
        }

        var began = Clock.GetTimestamp();
        if (!_spins || _usualWait > LongestSpin || !Spin(seen, began))
        {
            Sleep(seen, timeout);
        }

        // Long waits count as somewhat long ones, so that short ones are noticed soon after.
        var took = Math.Min(Clock.GetTimestamp() - began, 4 * LongestSpin);
        _usualWait += (took - _usualWait) / 4;
    }

    /// <inheritdoc/>
    public void Dispose() => _own?.Dispose();

    private bool Spin(int seen, long began)
    {
        do
        {
            for (var i = 0; i < YieldsBetweenLooks; i++)
            {
                if (Value != seen)
                {
                    return true;
                }

                Thread.Yield();
            }
        }
        while (Clock.GetTimestamp() - began < LongestSpin);
        return false;
    }

    private void Sleep(int seen, TimeSpan timeout)
    {
        Interlocked.Increment(ref *_sleepers);
        var began = Clock.GetTimestamp();
        var left = timeout;
        while (Value == seen && (left > TimeSpan.Zero || timeout == Timeout.InfiniteTimeSpan))
        {
            SleepOnce(seen, left);
            left = timeout == Timeout.InfiniteTimeSpan ? timeout : timeout - Clock.GetElapsedTime(began);
        }

        Interlocked.Decrement(ref *_sleepers);
    }

    private void SleepOnce(int seen, TimeSpan timeout)
    {
        if (Futex.IsSupported)
        {
            Futex.Wait(_value, seen, timeout);
            return;
        }

        lock (_gate)
        {
            if (Value == seen)
            {
                Monitor.Wait(_gate, timeout);
            }
        }
    }
}
