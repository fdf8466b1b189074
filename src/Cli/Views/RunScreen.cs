using System.Globalization;
using DistTrain.Cli.Runs;
using Spectre.Console;
using Spectre.Console.Rendering;
using Progress = DistTrain.Cli.Runs.Progress;

namespace DistTrain.Cli.Views;

/// <summary>
/// The part of a terminal that is drawn again and again: how far the run is, how it does, and a row for each worker. It fits into what there is, from 40 columns on:
/// what a narrow terminal has no room for is left out from the right.
/// </summary>
public sealed class RunScreen : Renderable
{
    private const int Gap = 2;
    private const int NarrowestBar = 8;
    private const int WidestBar = 40;
    private const int WidestCurve = 32;
    private const int NarrowestName = 8;
    private const int WidestName = 28;
    private const int UnknownHeight = 24;

    /// <summary>The line below the screen, where the cursor is.</summary>
    private const int CursorLines = 1;

    private static readonly Column[] Columns =
    [
        new("state", 9, (_, worker, _) => worker.IsSlow ? "slow" : worker.State) { IsText = true },
        new("share", 5, (cluster, worker, _) => Invariant($"{cluster.Share(worker) * 100:0} %")),
        new("samples/s", 9, (cluster, worker, rate) => rate is { } all ? Invariant($"{cluster.Share(worker) * all:N0}") : "-"),
        new("compute/net/wait ms", 19, (_, worker, _) => $"{Milliseconds(worker.ComputeSeconds)}/{Milliseconds(worker.NetworkSeconds)}/{Milliseconds(worker.WaitSeconds)}"),
        new("seen", 5, (_, worker, _) => Seconds(worker.SilentSeconds)),
    ];

    private readonly Sparkline _losses = new();
    private readonly Sparkline _accuracies = new();
    private Started? _started;
    private Progress? _progress;
    private ClusterGlance? _cluster;
    private double? _accuracy;

    /// <summary>Takes in what the run tells; what does not concern the screen is passed over.</summary>
    public void Take(RunEvent happened)
    {
        switch (happened)
        {
            case Started started:
                _started = started;
                break;
            case Progress progress:
                _progress = progress;
                _losses.Add(progress.TrainLoss);
                break;
            case ClusterGlance glance:
                _cluster = glance;
                break;
            case EpochDone { TestAccuracy: { } accuracy }:
                Evaluated(accuracy);
                break;
            case Evaluated { TestAccuracy: { } accuracy }:
                Evaluated(accuracy);
                break;
        }
    }

    /// <inheritdoc/>
    protected override Measurement Measure(RenderOptions options, int maxWidth) => new(maxWidth, maxWidth);

    /// <inheritdoc/>
    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        // A terminal goes to the next line of its own accord where the last column is written.
        var width = Math.Max(1, maxWidth - 1);
        var height = options.ConsoleSize.Height > 0 ? options.ConsoleSize.Height : UnknownHeight;
        var lines = new List<ScreenLine> { Bar(width, options.Unicode), Figures(width, options.Unicode) };
        if (_cluster is { } cluster)
        {
            if (cluster.WaitsFor is { } waitsFor)
            {
                lines.Add(new ScreenLine().Add(waitsFor, Color.Yellow));
            }

            lines.AddRange(Workers(cluster, width, height - CursorLines - lines.Count, options.Unicode));
        }

        return lines.Take(Math.Max(1, height - CursorLines)).SelectMany(line => line.Render(width));
    }

    /// <summary>At most five characters, of which three in a row fit into their column.</summary>
    private static string Milliseconds(double? seconds) => (seconds * 1000) switch
    {
        null => "-",
        < 99.995 and var few => Invariant($"{few:0.00}"),
        < 99_999.5 and var many => Invariant($"{many:0}"),
        _ => Invariant($"{seconds:0}s"),
    };

    private static string Seconds(double seconds) => seconds switch
    {
        < 9.95 => Invariant($"{seconds:0.0} s"),
        < 999.5 => Invariant($"{seconds:0} s"),
        _ => Invariant($"{seconds / 60:0} m"),
    };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private void Evaluated(double accuracy)
    {
        _accuracy = accuracy;
        _accuracies.Add(accuracy);
    }

    private ScreenLine Bar(int width, bool unicode)
    {
        var (step, steps) = (_progress?.Step ?? _started?.ResumedFrom ?? 0, Math.Max(1, _started?.Steps ?? 1));
        var perEpoch = Math.Max(1, _started?.StepsPerEpoch ?? 1);
        var epochs = (steps + perEpoch - 1) / perEpoch;
        string[] words =
        [
            Invariant($"{100.0 * step / steps,3:0} %"),
            Invariant($"epoch {_progress?.Epoch ?? Math.Min((step / perEpoch) + 1, epochs)} of {epochs}"),
            _progress is { } progress ? $"{EventText.Remaining(progress)} to go" : "starting",
            Invariant($"step {step:N0} of {steps:N0}"),
        ];
        var line = new ScreenLine();
        var bar = Math.Clamp(width - words.Take(3).Sum(word => Cells.Width(word) + Gap), NarrowestBar, WidestBar);
        var done = (int)(bar * step / steps);
        var (full, empty) = unicode ? ('━', '─') : ('#', '-');
        line.Add(new string(full, done), Color.Green).Add(new string(empty, bar - done), Color.Grey);
        return words.Aggregate(line, (before, word) => before.AddIfItFits("  " + word, width));
    }

    private ScreenLine Figures(int width, bool unicode)
    {
        var rate = _progress?.SamplesPerSecond;
        var curve = unicode ? Math.Min(WidestCurve, (width - 60) / 2) : 0;
        return new ScreenLine()
            .Add($"loss {EventText.Number(_progress?.TrainLoss, "F4")}")
            .AddIfItFits(Curve(_losses, curve), width, Color.Aqua)
            .AddIfItFits(_accuracy is null ? "" : $"  accuracy {EventText.Percent(_accuracy)}", width)
            .AddIfItFits(Curve(_accuracies, curve), width, Color.Aqua)
            .AddIfItFits($"  {EventText.Number(rate, "N0")} samples/s", width);
    }

    private static string Curve(Sparkline values, int width) => values.Draw(width) is { Length: > 0 } curve ? " " + curve : "";

    /// <summary>A head and a row for each worker, or for as many as there is room for.</summary>
    private IEnumerable<ScreenLine> Workers(ClusterGlance cluster, int width, int lines, bool unicode)
    {
        var room = lines - 1;
        if (cluster.Workers.Count == 0 || room < 1)
        {
            yield break;
        }

        var wanted = Math.Clamp(cluster.Workers.Max(worker => Cells.Width(worker.Name)), NarrowestName, WidestName);
        var columns = Columns.Length;
        while (columns > 1 && NameWidth(columns) < Math.Min(wanted, 2 * NarrowestName))
        {
            columns--;
        }

        var name = Math.Clamp(NameWidth(columns), NarrowestName, wanted);
        yield return Columns.Take(columns).Aggregate(new ScreenLine().Add("worker".PadRight(name), Color.Grey), (line, column) => line.Add(column.Pad(column.Title), Color.Grey));
        var shown = cluster.Workers.Count <= room ? cluster.Workers.Count : room - 1;
        var rate = _progress?.SamplesPerSecond;
        foreach (var worker in cluster.Workers.Take(shown))
        {
            yield return Columns.Take(columns).Aggregate(
                new ScreenLine().Add(Cells.PadRight(Cells.Shorten(worker.Name, name, unicode), name)),
                (line, column) => line.Add(column.Pad(column.Value(cluster, worker, rate)), column.IsText ? ColorOf(worker) : null));
        }

        if (shown < cluster.Workers.Count)
        {
            yield return new ScreenLine().Add(Invariant($"and {cluster.Workers.Count - shown} more"), Color.Grey);
        }

        int NameWidth(int count) => width - Columns.Take(count).Sum(column => column.Width + Gap);
    }

    private static Color? ColorOf(WorkerGlance worker) => worker switch
    {
        { IsSlow: true } or { State: "late" } => Color.Yellow,
        { State: "computing" } => Color.Green,
        _ => Color.Grey,
    };

    /// <param name="Title">Its head.</param>
    /// <param name="Width">Without the gap before it.</param>
    /// <param name="Value">Of a worker; the last argument is the run's samples per second, null if unknown.</param>
    private sealed record Column(string Title, int Width, Func<ClusterGlance, WorkerGlance, double?, string> Value)
    {
        /// <summary>Words stand to the left, numbers to the right.</summary>
        public bool IsText { get; init; }

        /// <summary>With the gap before it; no longer than it may be, or all columns after it would shift.</summary>
        public string Pad(string text) => "  " + (IsText ? Cells.PadRight(Cells.Cut(text, Width), Width) : Cells.PadLeft(Cells.Cut(text, Width), Width));
    }
}
