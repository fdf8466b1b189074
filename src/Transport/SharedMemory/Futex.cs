using System.Runtime.InteropServices;

namespace DistTrain.Transport.SharedMemory;

/// <summary>Linux's futex: waits, without costing a processor anything, until a word in memory changes, by whatever process that maps it.</summary>
internal static unsafe partial class Futex
{
    private const int WaitOperation = 0;
    private const int WakeOperation = 1;

    /// <summary>The number of the system call on this processor; 0 where it is not known.</summary>
    private static readonly nint Number = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 202,
        Architecture.Arm64 => 98,
        _ => 0,
    };

    /// <summary>Whether this system has it.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && Number != 0;

    /// <summary>Blocks while <paramref name="word"/> is <paramref name="value"/>, until it is woken or the time is up; may also return without a reason.</summary>
    /// <param name="word">Where it looks.</param>
    /// <param name="value">What is there.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    public static void Wait(int* word, int value, TimeSpan timeout)
    {
        var specification = stackalloc nint[2];
        specification[0] = (nint)(timeout.Ticks / TimeSpan.TicksPerSecond);
        specification[1] = (nint)(timeout.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
        // No error matters: the caller looks at the word again (EAGAIN: it has changed already; EINTR: a signal came).
        Call(Number, word, WaitOperation, value, timeout == Timeout.InfiniteTimeSpan ? 0 : (nint)specification, 0, 0);
    }

    /// <summary>Wakes whoever waits for <paramref name="word"/>.</summary>
    public static void WakeAll(int* word) => Call(Number, word, WakeOperation, int.MaxValue, 0, 0, 0);

    // syscall() is variadic; on both processors above such arguments travel as any others do.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint Call(nint number, int* word, nint operation, nint value, nint timeout, nint word2, nint value3);
}
