using SkiaSharp;

namespace DistTrain.Cli.Plots;

/// <summary>Draws a grid of small images, enlarged without smoothing, each with its caption.</summary>
internal static class TileRenderer
{
    private const float Header = 28;
    private const float Margin = 10;
    private const float Gap = 4;
    private const float CaptionHeight = 16;
    private const float CaptionSize = 12;
    private const float TitleSize = 15;

    public static void Draw(SKCanvas canvas, Panel panel, SKRect place)
    {
        FigureRenderer.DrawText(canvas, panel.Title, place.MidX, place.Top + (Header * 0.7f), TitleSize);
        var rows = (panel.Images.Count + panel.ImageColumns - 1) / panel.ImageColumns;
        var caption = panel.Images.Any(tile => tile.Caption.Length > 0) ? CaptionHeight : 0;
        var cellWidth = (place.Width - (2 * Margin)) / panel.ImageColumns;
        var cellHeight = (place.Height - Header - Margin) / rows;
        for (var i = 0; i < panel.Images.Count; i++)
        {
            var tile = panel.Images[i];
            var (left, top) = (place.Left + Margin + (i % panel.ImageColumns * cellWidth), place.Top + Header + (i / panel.ImageColumns * cellHeight));
            var scale = Math.Min((cellWidth - Gap) / tile.Width, (cellHeight - caption - Gap) / tile.Height);
            var (width, height) = (tile.Width * scale, tile.Height * scale);
            var x = left + ((cellWidth - width) / 2);
            using var image = ToImage(tile);
            canvas.DrawImage(image, new SKRect(x, top, x + width, top + height), new SKSamplingOptions(SKFilterMode.Nearest));
            if (tile.Caption.Length > 0)
            {
                FigureRenderer.DrawText(canvas, tile.Caption, left + (cellWidth / 2), top + height + CaptionSize, CaptionSize);
            }
        }
    }

    private static SKImage ToImage(ImageTile tile)
    {
        var pixels = tile.Pixels.Select(value => (byte)Math.Round(Math.Clamp(value, 0, 1) * byte.MaxValue)).ToArray();
        return SKImage.FromPixelCopy(new SKImageInfo(tile.Width, tile.Height, SKColorType.Gray8), pixels);
    }
}
