using Spectre.Console;
using Spectre.Console.Rendering;

namespace DistTrain.Cli.Views;

/// <summary>A line of a terminal, in colours, never longer than the terminal is wide.</summary>
internal sealed class ScreenLine
{
    /// <summary>The end of a line: whatever stood to the right of it on the terminal is gone.</summary>
    public static Segment[] End(bool ansi) => ansi ? [Segment.Control("\e[K"), Segment.LineBreak] : [Segment.LineBreak];

    private readonly List<(string Text, Color? Color)> _parts = [];
    private int _length;

    /// <summary>More of it; what is too long is cut off when it is drawn.</summary>
    public ScreenLine Add(string text, Color? color = null)
    {
        _parts.Add((text, color));
        _length += text.Length;
        return this;
    }

    /// <summary>More of it, or nothing if there is no room for all of it.</summary>
    public ScreenLine AddIfItFits(string text, int width, Color? color = null) => _length + text.Length <= width ? Add(text, color) : this;

    /// <summary>What is drawn, with the line's end.</summary>
    /// <param name="width">Of the terminal.</param>
    /// <param name="ansi">Whether it knows control sequences.</param>
    public IEnumerable<Segment> Render(int width, bool ansi)
    {
        var left = width;
        foreach (var (text, color) in _parts)
        {
            var fitting = text.Length <= left ? text : text[..left];
            left -= fitting.Length;
            if (fitting.Length > 0)
            {
                yield return new Segment(fitting, new Style(foreground: color));
            }
        }

        foreach (var end in End(ansi))
        {
            yield return end;
        }
    }
}
