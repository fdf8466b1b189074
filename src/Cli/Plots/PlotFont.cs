using ScottPlot;
using SkiaSharp;

namespace DistTrain.Cli.Plots;

/// <summary>
/// The font of all pictures, a part of this program: a machine without any fonts, such as a container, draws text too. It is a subset of DejaVu Sans under
/// another name, as the licence beside it asks.
/// </summary>
internal static class PlotFont
{
    /// <summary>Its family.</summary>
    public const string Family = "DistTrain Plot";

    private const string Resource = "DistTrain.Cli.Plots.plot-font.ttf";

    private static readonly Lazy<SKTypeface> Loaded = new(Load);

    /// <summary>It.</summary>
    public static SKTypeface Typeface => Loaded.Value;

    /// <summary>Makes ScottPlot use it for everything.</summary>
    public static void Use()
    {
        if (Fonts.Default != Family)
        {
            Fonts.FontResolvers.Insert(0, new Resolver());
            Fonts.Default = Family;
        }
    }

    private static SKTypeface Load()
    {
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream(Resource)!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }

    private sealed class Resolver : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Family ? Typeface : null;

        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == Family ? Typeface : null;
    }
}
