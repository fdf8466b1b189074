using DistTrain.Cli.Plots;
using SkiaSharp;

namespace DistTrain.Cli.Tests.Plots;

public sealed class FigureRendererTests
{
    /// <summary>Where two colours meet, they mix.</summary>
    private const int EdgePixels = 3;

    [Fact]
    public void ToPng_PanelsInAGrid_HasTheirSizeAndInk()
    {
        var panel = new Panel("loss", "epoch", "loss") { Curves = [Curve.Over([3, 2, double.NaN, 1], "a"), new Curve("b", [1], [0.1], CurveStyle.Points)], LogY = true };
        var tiles = new Panel("digits") { Images = [new ImageTile("3 → 5", 2, 2, [0, 1, 1, 0])], ImageColumns = 1 };
        var bars = new Panel("values", "value", "count") { Histograms = [Histogram.Of("h", [0, 0.1f, 0.9f, 7], 0, 1, 10)] };

        using var picture = SKBitmap.Decode(FigureRenderer.ToPng(new Figure("three", 2, [panel, tiles, bars], PanelWidth: 300, PanelHeight: 200)));

        Assert.Equal((600, 440), (picture.Width, picture.Height));
        Assert.True(HasInk(picture, new SKRectI(250, 5, 350, 35)), "no title");
        Assert.True(HasInk(picture, new SKRectI(60, 60, 290, 200)), "no curve");
        Assert.True(HasInk(picture, new SKRectI(310, 60, 590, 230)), "no image");
        Assert.True(HasInk(picture, new SKRectI(60, 260, 290, 400)), "no bars");
        Assert.False(HasInk(picture, new SKRectI(310, 250, 590, 430)), "ink where there is no panel");
    }

    /// <summary>Of 2 and 1, the lower layer fills the lower two thirds.</summary>
    [Fact]
    public void ToPng_LayersOfBars_StandOnEachOther()
    {
        var panel = new Panel("split") { Categories = ["one", "two\nlines"], Bars = [new BarLayer("", [2, 0]), new BarLayer("", [1, 3])], YRange = (0, 3) };

        using var picture = SKBitmap.Decode(FigureRenderer.ToPng(new Figure("bars", 1, [panel], PanelWidth: 400, PanelHeight: 400)));

        // Down the middle of the first bar: what has a hue is one of its layers, from the top down.
        var layers = Enumerable.Range(0, picture.Height).Select(y => picture.GetPixel(150, y)).Where(HasHue).GroupBy(color => color)
            .Select(layer => layer.Count()).Where(count => count > EdgePixels).ToList();
        Assert.Equal(2, layers.Count);
        Assert.InRange((double)layers[1] / layers.Sum(), 0.64, 0.69);
    }

    private static bool HasHue(SKColor color) =>
        Math.Max(color.Red, Math.Max(color.Green, color.Blue)) - Math.Min(color.Red, Math.Min(color.Green, color.Blue)) > 60;

    [Fact]
    public void Font_IsThePrograms_WhateverTheMachineHas()
    {
        Assert.Equal(PlotFont.Family, PlotFont.Typeface.FamilyName);
        Assert.All("Az09 ²³→√×·−–…ηλσ", character => Assert.True(PlotFont.Typeface.ContainsGlyph(character), $"no glyph for {character}"));
    }

    [Fact]
    public void Histogram_ValuesOutside_CountAtTheEnds() => Assert.Equal([2, 0, 0, 2], Histogram.Of("", [-5, 0, 0.99f, 4], 0, 1, 4).Counts);

    private static bool HasInk(SKBitmap picture, SKRectI place)
    {
        for (var y = place.Top; y < place.Bottom; y++)
        {
            for (var x = place.Left; x < place.Right; x++)
            {
                var color = picture.GetPixel(x, y);
                if (color.Red + color.Green + color.Blue < 400)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
