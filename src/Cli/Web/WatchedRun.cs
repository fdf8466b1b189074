using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli.Web;

/// <summary>A run's feed and the dashboard that shows it, until the run has told how it ended.</summary>
public sealed class WatchedRun : IAsyncDisposable
{
    private readonly Dashboard _dashboard;

    private WatchedRun(RunFeed feed, Dashboard dashboard) => (Feed, _dashboard) = (feed, dashboard);

    /// <summary>To be told what the run tells.</summary>
    public RunFeed Feed { get; }

    /// <summary>What to open in a browser.</summary>
    public Uri Address => _dashboard.Address;

    /// <summary>Starts to serve, unless <c>--dashboard off</c>.</summary>
    /// <exception cref="Core.InvalidInputException">The address that was asked for cannot be used.</exception>
    public static async Task<WatchedRun?> StartAsync(VerbCall call)
    {
        var where = call.Values.Get(CommonOptions.Dashboard, new IPEndPoint(IPAddress.Loopback, CommonOptions.DefaultDashboardPort));
        if (where is null)
        {
            return null;
        }

        var feed = new RunFeed();
        try
        {
            return new WatchedRun(feed, await Dashboard.StartAsync(where, call.Values.Has(CommonOptions.Dashboard), feed).ConfigureAwait(false));
        }
        catch
        {
            feed.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // Readers get what is left, and then the end.
        Feed.Dispose();
        await _dashboard.DisposeAsync().ConfigureAwait(false);
    }
}
