namespace DistTrain.Worker;

/// <summary>
/// Lets this process leave in order when its parent writes to its standard input, and ends it when that closes. A parent keeps the other end of the
/// pipe; however it dies, the system closes it, so no worker outlives its parent.
/// </summary>
internal static class StandardInputWatch
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(0.5);

    /// <summary>
    /// Calls <paramref name="leave"/> when anything comes by standard input, and again when it closes; ends the process half a second after that if it still
    /// runs.
    /// </summary>
    public static void Start(Action leave, TimeProvider time)
    {
        var thread = new Thread(() =>
        {
            Drain(leave);
            // Kept alive by the closure until it has fired.
            var exit = time.CreateTimer(_ => Environment.Exit(WorkerOutcome.Done), null, Grace, Timeout.InfiniteTimeSpan);
            leave();
            GC.KeepAlive(exit);
            Thread.CurrentThread.Join();
        })
        {
            IsBackground = true,
            Name = "standard input",
        };
        thread.Start();
    }

    private static void Drain(Action leave)
    {
        try
        {
            using var input = Console.OpenStandardInput();
            Span<byte> ignored = stackalloc byte[256];
            while (input.Read(ignored) > 0)
            {
                leave();
            }
        }
        catch (IOException)
        {
            // A broken pipe is a closed one.
        }
    }
}
