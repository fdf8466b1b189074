using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli.Web;

/// <summary>A run's feed and the dashboard that shows it, until the run has told how it ended.</summary>
public sealed class WatchedRun : IAsyncDisposable
{
    private readonly Dashboard _dashboard;
    private readonly Action<string> _tell;

    private WatchedRun(RunFeed feed, Dashboard dashboard, Action<string> tell) => (Feed, _dashboard, _tell) = (feed, dashboard, tell);

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

        var (feed, wasAskedFor) = (new RunFeed(), call.Values.Has(CommonOptions.Dashboard));
        try
        {
            return new WatchedRun(feed, await Dashboard.StartAsync(where, wasAskedFor, feed).ConfigureAwait(false), call.Surroundings.Tell);
        }
        catch (Exception e) when (!wasAskedFor && e is IOException or System.Net.Sockets.SocketException)
        {
            feed.Dispose();
            call.Surroundings.Tell($"There is no dashboard: {e.Message}");
            return null;
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
        try
        {
            await _dashboard.DisposeAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // How the run has ended is said already, and a server that does not end in order changes nothing about it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _tell($"The dashboard did not end in order: {e.Message}");
        }
    }
}
