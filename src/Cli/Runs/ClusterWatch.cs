namespace DistTrain.Cli.Runs;

/// <summary>Looks again and again who works on a run, and tells the reporter, until it is disposed of or the run has ended.</summary>
public sealed class ClusterWatch : IAsyncDisposable
{
    /// <summary>Often enough to see a worker come, seldom enough to cost nothing.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _ending = new();
    private readonly Task _watching;

    /// <summary>Begins.</summary>
    /// <param name="look">How the run stands; null once it has ended.</param>
    /// <param name="reporter">Told.</param>
    /// <param name="warn">Told, once, that it does not look any more.</param>
    /// <param name="time">The clock.</param>
    public ClusterWatch(Func<Task<ClusterGlance?>> look, RunReporter reporter, Action<string> warn, TimeProvider time) =>
        _watching = WatchAsync(look, reporter, warn, time);

    /// <summary>Ends, whatever has become of it: it never throws.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _ending.Dispose();
    }

    private async Task WatchAsync(Func<Task<ClusterGlance?>> look, RunReporter reporter, Action<string> warn, TimeProvider time)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_ending.Token).ConfigureAwait(false) && await look().WaitAsync(_ending.Token).ConfigureAwait(false) is { } glance)
            {
                reporter.Glance(glance);
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
        }
#pragma warning disable CA1031 // Nothing that goes wrong with watching a run may end it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            warn($"Who works on this run is not shown any more: {e.Message}");
        }
    }
}
