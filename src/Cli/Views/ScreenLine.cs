using Spectre.Console;
using Spectre.Console.Rendering;

namespace DistTrain.Cli.Views;

/// <summary>A line of a terminal, in colours, never longer than the terminal is wide.</summary>
internal sealed class ScreenLine
{
    private readonly List<(string Text, Color? Color)> _parts = [];
    private int _width;

    /// <summary>More of it; what is too long is cut off when it is drawn.</summary>
    public ScreenLine Add(string text, Color? color = null)
    {
        _parts.Add((text, color));
        _width += Cells.Width(text);
        return this;
    }

    /// <summary>More of it, or nothing if there is no room for all of it.</summary>
    public ScreenLine AddIfItFits(string text, int width, Color? color = null) => _width + Cells.Width(text) <= width ? Add(text, color) : this;

    /// <summary>What is drawn, with the line's end.</summary>
    /// <param name="width">Of the terminal.</param>
    public IEnumerable<Segment> Render(int width)
    {
        var left = width;
        foreach (var (text, color) in _parts)
        {
            var fitting = Cells.Cut(text, left);
            // What comes after a part that is cut off is not there either.
            left = fitting.Length < text.Length ? 0 : left - Cells.Width(fitting);
            if (fitting.Length > 0)
            {
                yield return new Segment(fitting, new Style(foreground: color));
            }
        }

        yield return Segment.LineBreak;
    }
}
