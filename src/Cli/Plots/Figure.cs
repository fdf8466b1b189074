namespace DistTrain.Cli.Plots;

/// <summary>A picture of panels in a grid, as pure data: <see cref="FigureRenderer"/> draws it.</summary>
/// <param name="Title">Above all panels.</param>
/// <param name="Columns">Panels side by side, at least 1.</param>
/// <param name="Panels">Row by row, at least one.</param>
/// <param name="PanelWidth">Pixels of one panel; default 480.</param>
/// <param name="PanelHeight">Pixels of one panel; default 360.</param>
public sealed record Figure(string Title, int Columns, IReadOnlyList<Panel> Panels, int PanelWidth = 480, int PanelHeight = 360);

/// <summary>One pair of axes, or one grid of images. Whatever lists it has are drawn, the later ones above.</summary>
/// <param name="Title">Above it.</param>
/// <param name="XLabel">Of the horizontal axis; not used with images.</param>
/// <param name="YLabel">Of the vertical axis; not used with images.</param>
public sealed record Panel(string Title, string XLabel = "", string YLabel = "")
{
    /// <summary>Equal bins, drawn as bars.</summary>
    public IReadOnlyList<Histogram> Histograms { get; init; } = [];

    /// <summary>Names along the horizontal axis, at 0, 1, 2 …; a line break starts a second line. Empty for numbers.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Bars at the categories, each layer on top of the one before.</summary>
    public IReadOnlyList<BarLayer> Bars { get; init; } = [];

    /// <summary>Lines, points and paths.</summary>
    public IReadOnlyList<Curve> Curves { get; init; } = [];

    /// <summary>Small grey images in place of axes; empty for none.</summary>
    public IReadOnlyList<ImageTile> Images { get; init; } = [];

    /// <summary>Images side by side.</summary>
    public int ImageColumns { get; init; } = 10;

    /// <summary>Whether the horizontal axis is logarithmic: values of 0 or less are then left out.</summary>
    public bool LogX { get; init; }

    /// <summary>Whether the vertical axis is logarithmic: values of 0 or less are then left out.</summary>
    public bool LogY { get; init; }

    /// <summary>The ends of the horizontal axis; null: from the data.</summary>
    public (double Low, double High)? XRange { get; init; }

    /// <summary>The ends of the vertical axis; null: from the data.</summary>
    public (double Low, double High)? YRange { get; init; }

    /// <summary>Where the names of the curves stand; default below.</summary>
    public LegendPlace Legend { get; init; } = LegendPlace.Below;
}

/// <summary>Where a legend stands.</summary>
public enum LegendPlace
{
    /// <summary>At the top, right.</summary>
    UpperRight,

    /// <summary>At the bottom, right.</summary>
    LowerRight,

    /// <summary>At the top, left.</summary>
    UpperLeft,

    /// <summary>At the bottom, left.</summary>
    LowerLeft,

    /// <summary>In a row below the axes: where curves may be anywhere.</summary>
    Below,

    /// <summary>Nowhere.</summary>
    None,
}

/// <summary>How a curve is drawn.</summary>
public enum CurveStyle
{
    /// <summary>A line.</summary>
    Line,

    /// <summary>A broken line.</summary>
    Dashed,

    /// <summary>Points without a line.</summary>
    Points,

    /// <summary>A line with a point at each element: the path of an optimizer.</summary>
    Path,

    /// <summary>A thin grey line in the background, such as a contour; never in the legend.</summary>
    Faint,
}

/// <summary>Points (x, y), in order. Elements that are not finite leave a gap.</summary>
/// <param name="Name">In the legend; empty for none.</param>
/// <param name="X">As many as <paramref name="Y"/>.</param>
/// <param name="Y">As many as <paramref name="X"/>.</param>
/// <param name="Style">How it is drawn.</param>
/// <param name="Color">Its place in the palette; null: the next one. Curves that belong together share one.</param>
public sealed record Curve(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, CurveStyle Style = CurveStyle.Line, int? Color = null)
{
    /// <summary>A curve over 1, 2, 3 …: epochs or updates.</summary>
    public static Curve Over(IReadOnlyList<double> y, string name, CurveStyle style = CurveStyle.Line, int? color = null) =>
        new(name, [.. Enumerable.Range(1, y.Count).Select(i => (double)i)], y, style, color);
}

/// <summary>Counts in bins of equal width.</summary>
/// <param name="Name">In the legend; empty for none.</param>
/// <param name="Low">The lower end of the first bin.</param>
/// <param name="High">The upper end of the last bin.</param>
/// <param name="Counts">Of each bin.</param>
public sealed record Histogram(string Name, double Low, double High, IReadOnlyList<double> Counts)
{
    /// <summary>Counts values into bins; what lies outside of them counts to the first or the last one.</summary>
    public static Histogram Of(string name, ReadOnlySpan<float> values, double low, double high, int bins)
    {
        var counts = new double[bins];
        foreach (var value in values)
        {
            counts[(int)Math.Clamp((value - low) / (high - low) * bins, 0, bins - 1)]++;
        }

        return new Histogram(name, low, high, counts);
    }
}

/// <summary>One part of each category's bar.</summary>
/// <param name="Name">In the legend; empty for none.</param>
/// <param name="Values">Its height at each category, at least 0.</param>
public sealed record BarLayer(string Name, IReadOnlyList<double> Values);

/// <summary>A grey image with a caption under it.</summary>
/// <param name="Caption">A few characters; empty for none.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Pixels">Row by row, from 0 (black) to 1 (white).</param>
public sealed record ImageTile(string Caption, int Height, int Width, IReadOnlyList<double> Pixels);
