namespace DistTrain.Cli;

/// <summary>The wish to stop, and which signal it came by. Safe to use from any thread, even after its end: signals and closing pipes do not wait.</summary>
public sealed class StopRequest : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private int _exitCode;

    /// <summary>Cancelled when a stop is asked for.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The exit code of the first signal, or 0 if there was none.</summary>
    public int ExitCode => Volatile.Read(ref _exitCode);

    /// <summary>Asks to stop.</summary>
    /// <param name="exitCode">What the process will end with: 128 + the signal's number.</param>
    /// <returns>True the first time.</returns>
    public bool Ask(int exitCode)
    {
        if (Interlocked.CompareExchange(ref _exitCode, exitCode, 0) != 0)
        {
            return false;
        }

        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The process is ending anyway, and nobody is left to be told.
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
