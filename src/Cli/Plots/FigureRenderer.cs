using ScottPlot;
using SkiaSharp;

namespace DistTrain.Cli.Plots;

/// <summary>Draws a <see cref="Figure"/> with ScottPlot. Its text has a font of its own, so that a machine without fonts draws the same.</summary>
public static class FigureRenderer
{
    private const int TitleHeight = 40;
    private const float TitleSize = 20;
    private const int StrongestCompression = 9;
    private const double BarShare = 0.95;
    private const double CategoryShare = 0.6;

    /// <summary>The picture as a PNG.</summary>
    public static byte[] ToPng(Figure figure)
    {
        PlotFont.Use();
        var rows = (figure.Panels.Count + figure.Columns - 1) / figure.Columns;
        var (width, height) = (figure.Columns * figure.PanelWidth, TitleHeight + (rows * figure.PanelHeight));
        using var surface = SKSurface.Create(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var canvas = surface.Canvas;
        canvas.Clear(SKColors.White);
        DrawText(canvas, figure.Title, width / 2f, TitleHeight * 0.7f, TitleSize);
        for (var i = 0; i < figure.Panels.Count; i++)
        {
            var left = i % figure.Columns * figure.PanelWidth;
            var top = TitleHeight + (i / figure.Columns * figure.PanelHeight);
            Draw(canvas, figure.Panels[i], new PixelRect(left, left + figure.PanelWidth, top + figure.PanelHeight, top));
        }

        using var image = surface.Snapshot();
        using var pixels = image.PeekPixels();
        using var data = pixels?.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, StrongestCompression));
        return data?.ToArray() ?? throw new InvalidOperationException($"A picture of {width} x {height} pixels could not be encoded.");
    }

    private static void Draw(SKCanvas canvas, Panel panel, PixelRect place)
    {
        if (panel.Images.Count > 0)
        {
            TileRenderer.Draw(canvas, panel, new SKRect(place.Left, place.Top, place.Right, place.Bottom));
            return;
        }

        using var plot = new Plot();
        plot.Font.Set(PlotFont.Family);
        plot.Title(panel.Title, size: 15);
        plot.XLabel(panel.XLabel, size: 13);
        plot.YLabel(panel.YLabel, size: 13);
        foreach (var histogram in panel.Histograms)
        {
            Add(plot, histogram);
        }

        AddLayers(plot, panel);
        var next = 0;
        foreach (var curve in panel.Curves)
        {
            var color = curve.Style == CurveStyle.Faint ? Colors.Gray.WithAlpha(0.35) : plot.Add.Palette.GetColor(curve.Color ?? next++);
            Add(plot, panel, curve, color);
        }

        SetRanges(plot, panel);
        var limits = plot.Axes.GetLimits();
        if (panel.LogX)
        {
            plot.Axes.Bottom.TickGenerator = LogarithmicTicks.Between(limits.Left, limits.Right);
        }

        if (panel.LogY)
        {
            plot.Axes.Left.TickGenerator = LogarithmicTicks.Between(limits.Bottom, limits.Top);
        }

        if (panel.Categories.Count > 0)
        {
            plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, panel.Categories.Count).Select(i => (double)i)], [.. panel.Categories]);
            plot.Axes.SetLimitsX(-0.5, panel.Categories.Count - 0.5);
        }

        SetLegend(plot, panel);
        canvas.Save();
        canvas.ClipRect(new SKRect(place.Left, place.Top, place.Right, place.Bottom));
        plot.Render(canvas, place);
        canvas.Restore();
    }

    private static void Add(Plot plot, Histogram histogram)
    {
        var width = (histogram.High - histogram.Low) / histogram.Counts.Count;
        var bars = plot.Add.Bars((List<Bar>)[.. histogram.Counts.Select((count, i) => new Bar
        {
            Position = histogram.Low + ((i + 0.5) * width),
            Value = count,
            Size = width * BarShare,
            LineWidth = 0,
            FillColor = plot.Add.Palette.GetColor(0),
        })]);
        bars.LegendText = histogram.Name;
        plot.Axes.Margins(bottom: 0);
    }

    private static void AddLayers(Plot plot, Panel panel)
    {
        var tops = new double[panel.Categories.Count];
        for (var layer = 0; layer < panel.Bars.Count; layer++)
        {
            var color = plot.Add.Palette.GetColor(layer);
            var bars = plot.Add.Bars((List<Bar>)[.. panel.Bars[layer].Values.Select((value, i) => new Bar
            {
                Position = i,
                ValueBase = tops[i],
                Value = tops[i] += value,
                Size = CategoryShare,
                LineWidth = 0,
                FillColor = color,
            })]);
            bars.LegendText = panel.Bars[layer].Name;
        }
    }

    private static void Add(Plot plot, Panel panel, Curve curve, Color color)
    {
        var points = curve.X.Zip(curve.Y, (x, y) => new Coordinates(panel.LogX ? Math.Log10(x) : x, panel.LogY ? Math.Log10(y) : y))
            .Select(point => double.IsFinite(point.X) && double.IsFinite(point.Y) ? point : new Coordinates(double.NaN, double.NaN))
            .ToList();
        if (points.TrueForAll(point => double.IsNaN(point.X)))
        {
            return;
        }

        var scatter = plot.Add.Scatter(points);
        scatter.Color = color;
        scatter.LegendText = curve.Style == CurveStyle.Faint ? "" : curve.Name;
        scatter.LineWidth = curve.Style switch { CurveStyle.Points => 0, CurveStyle.Faint or CurveStyle.Path => 1, _ => 1.8f };
        scatter.LinePattern = curve.Style == CurveStyle.Dashed ? LinePattern.Dashed : LinePattern.Solid;
        scatter.MarkerSize = curve.Style is CurveStyle.Points or CurveStyle.Path || points.Count == 1 ? 5 : 0;
    }

    private static void SetRanges(Plot plot, Panel panel)
    {
        plot.Axes.AutoScale();
        if (panel.XRange is var (left, right))
        {
            plot.Axes.SetLimitsX(panel.LogX ? Math.Log10(left) : left, panel.LogX ? Math.Log10(right) : right);
        }

        if (panel.YRange is var (bottom, top))
        {
            plot.Axes.SetLimitsY(panel.LogY ? Math.Log10(bottom) : bottom, panel.LogY ? Math.Log10(top) : top);
        }
    }

    private static void SetLegend(Plot plot, Panel panel)
    {
        if (panel.Legend == LegendPlace.None || (panel.Curves.All(curve => curve.Name.Length == 0) && panel.Histograms.All(bars => bars.Name.Length == 0) && panel.Bars.All(layer => layer.Name.Length == 0)))
        {
            plot.HideLegend();
            return;
        }

        plot.Legend.FontName = PlotFont.Family;
        if (panel.Legend == LegendPlace.Below)
        {
            plot.Legend.Orientation = Orientation.Horizontal;
            plot.ShowLegend(Edge.Bottom);
            return;
        }

        plot.ShowLegend(panel.Legend switch
        {
            LegendPlace.LowerRight => Alignment.LowerRight,
            LegendPlace.UpperLeft => Alignment.UpperLeft,
            LegendPlace.LowerLeft => Alignment.LowerLeft,
            _ => Alignment.UpperRight,
        });
    }

    /// <summary>Text around the middle <paramref name="x"/>, on the base line <paramref name="y"/>.</summary>
    internal static void DrawText(SKCanvas canvas, string text, float x, float y, float size)
    {
        using var font = new SKFont(PlotFont.Typeface, size) { Edging = SKFontEdging.Antialias };
        using var paint = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        canvas.DrawText(text, x, y, SKTextAlign.Center, font, paint);
    }
}
