using System.Text;
using DistTrain.Cli.Runs;
using DistTrain.Core;
using DistTrain.Core.Formats;

namespace DistTrain.Cli.Web;

/// <summary>A page about a run, or several, in one file that opens without a network: <see cref="RunPage"/> with the runs' events in it.</summary>
internal static class RunReport
{
    /// <summary>The events of a run from its directory, thinned as <see cref="RunFeed"/> does, and the log's tail.</summary>
    /// <param name="directory">The run's.</param>
    /// <param name="besides">What the metrics do not record.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>Each a line of JSON.</returns>
    /// <exception cref="InvalidInputException">It holds no run that has begun.</exception>
    public static IReadOnlyList<string> Of(RunDirectory directory, IEnumerable<RunEvent> besides, CancellationToken cancellation = default)
    {
        using var feed = new RunFeed();
        var hasBegun = false;
        foreach (var happened in directory.ReadMetrics())
        {
            cancellation.ThrowIfCancellationRequested();
            hasBegun |= happened is Started;
            feed.Show(happened);
        }

        if (!hasBegun)
        {
            throw new InvalidInputException(
                $"{directory.FullPath} holds no run that has begun: {RunDirectory.MetricsFileName} {(File.Exists(directory.MetricsPath) ? "does not say that it started" : "is missing")}. 'disttrain train' prints where it puts its runs.");
        }

        foreach (var happened in besides)
        {
            feed.Show(happened);
        }

        foreach (var line in RunDirectory.ReadLines(directory.LogPath))
        {
            cancellation.ThrowIfCancellationRequested();
            feed.Warn(line);
        }

        return feed.SoFar();
    }

    /// <summary>Writes the page.</summary>
    /// <param name="path">The file; replaced if it is there. What is there and has no length may be a device, which is written to; of a link, the target is meant.</param>
    /// <param name="runs">The events of each run.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string path, params IReadOnlyList<IReadOnlyList<string>> runs)
    {
        var page = Encoding.UTF8.GetBytes(RunPage.Of(runs));
        var target = File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
        if (File.Exists(target) && new FileInfo(target).Length == 0)
        {
            using var stream = new FileStream(target, FileMode.Open, FileAccess.Write);
            stream.Write(page);
        }
        else
        {
            DurableFile.Write(target, stream => stream.Write(page));
        }
    }
}
