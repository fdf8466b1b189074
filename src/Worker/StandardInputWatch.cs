namespace DistTrain.Worker;

/// <summary>
/// Ends this process when its standard input closes. A parent keeps the other end of the pipe; however it dies, the system closes it, so no
/// worker outlives its parent.
/// </summary>
internal static class StandardInputWatch
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(0.5);

    /// <summary>Calls <paramref name="closed"/> when standard input closes, and ends the process half a second later if it still runs.</summary>
    public static void Start(Action closed, TimeProvider time)
    {
        var thread = new Thread(() =>
        {
            Drain();
            // Kept alive by the closure until it has fired.
            var exit = time.CreateTimer(_ => Environment.Exit(WorkerOutcome.Done), null, Grace, Timeout.InfiniteTimeSpan);
            closed();
            GC.KeepAlive(exit);
            Thread.CurrentThread.Join();
        })
        {
            IsBackground = true,
            Name = "standard input",
        };
        thread.Start();
    }

    private static void Drain()
    {
        try
        {
            using var input = Console.OpenStandardInput();
            Span<byte> ignored = stackalloc byte[256];
            while (input.Read(ignored) > 0)
            {
            }
        }
        catch (IOException)
        {
            // A broken pipe is a closed one.
        }
    }
}
