using System.Diagnostics;
using System.Reflection;

namespace DistTrain.Fuzz;

/// <summary>A file of a target's corpus.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Content">Its bytes.</param>
public sealed record Seed(string Name, byte[] Content);

/// <summary>
/// A reader of bytes that nobody vouches for. Row H5 of docs/faults.md: whatever the bytes, it gives the documented error or none, within a second and
/// 512 MB.
/// </summary>
/// <param name="Name">Of the target and of its corpus' directory.</param>
/// <param name="Reads">What it reads, for people.</param>
/// <param name="Documented">The exceptions that it may throw; empty where a refusal is a value.</param>
/// <param name="Take">
/// Reads, and then looks at what was read. Gives the reason of a refusal that is a value, else null. Anything else that is wrong, such as a value that does not come back from its own text, is a
/// <see cref="BrokenPromiseException"/>.
/// </param>
/// <param name="Seeds">Small inputs to begin with, valid ones above all, made by the code itself.</param>
/// <param name="Words">What mutations put in besides bytes.</param>
public sealed record FuzzTarget(
    string Name, string Reads, Type[] Documented, Func<byte[], string?> Take, Func<IEnumerable<Seed>> Seeds, params string[] Words)
{
    /// <summary>The most that one input may take of a processor.</summary>
    public static readonly TimeSpan MaximumTime = TimeSpan.FromSeconds(1);

    /// <summary>The most that one input may allocate, whether kept or not.</summary>
    public const long MaximumBytes = 512L << 20;

    /// <summary>Takes an input.</summary>
    /// <returns>What is wrong with the target; null if it does as documented.</returns>
    public string? Judge(byte[] input) => Judge(input, out _);

    /// <summary>Takes an input.</summary>
    /// <param name="input">The bytes.</param>
    /// <param name="refusal">Why the input was refused, as documented; null if it was taken.</param>
    /// <returns>What is wrong with the target; null if it does as documented.</returns>
    public string? Judge(byte[] input, out string? refusal)
    {
        // The first time compiles methods: what is too slow then is measured again.
        var wrong = JudgeOnce(input, out refusal, out var isSlow);
        return isSlow ? JudgeOnce(input, out refusal, out _) : wrong;
    }

    /// <summary>What an exception is told apart by: its type, and where in the project it comes from.</summary>
    public static string Describe(Exception exception)
    {
        var frames = new StackTrace(exception, fNeedFileInfo: false).GetFrames();
        var ours = frames.Select(frame => frame.GetMethod()).FirstOrDefault(IsOurs) ?? frames.FirstOrDefault()?.GetMethod();
        return $"{exception.GetType().Name} in {ours?.DeclaringType?.FullName}.{ours?.Name}: {exception.Message}";
    }

    private static bool IsOurs(MethodBase? method) =>
        method?.DeclaringType?.FullName is { } type && type.StartsWith("DistTrain.", StringComparison.Ordinal) && !type.StartsWith("DistTrain.Fuzz.", StringComparison.Ordinal);

    private string? JudgeOnce(byte[] input, out string? refusal, out bool isSlow)
    {
        // The processor's time and not the clock's: on a busy machine a thread waits for its turn.
        var (time, allocated) = (Environment.CpuUsage.TotalTime, GC.GetAllocatedBytesForCurrentThread());
        string? wrong = null;
        refusal = null;
        try
        {
            // A copy: a reader may keep or change what it is given.
            refusal = Take([.. input]);
        }
        catch (Exception e)
        {
            refusal = e.Message;
            wrong = !Documented.Contains(e.GetType()) ? Describe(e) : string.IsNullOrWhiteSpace(e.Message) ? $"{e.GetType().Name} says nothing" : null;
        }

        (time, allocated) = (Environment.CpuUsage.TotalTime - time, GC.GetAllocatedBytesForCurrentThread() - allocated);
        isSlow = time > MaximumTime;
        return wrong
            ?? (isSlow ? $"took {time.TotalSeconds:0.0} s" : null)
            ?? (allocated > MaximumBytes ? $"allocated {allocated >> 20} MB" : null);
    }
}

/// <summary>A reader did not fail, but did not do what it promises either.</summary>
public sealed class BrokenPromiseException(string message) : Exception(message)
{
    /// <summary>Throws unless the promise holds.</summary>
    public static void Unless(bool holds, string promise)
    {
        if (!holds)
        {
            throw new BrokenPromiseException(promise);
        }
    }
}
