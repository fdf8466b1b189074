using Spectre.Console.Rendering;

namespace DistTrain.Cli.Views;

/// <summary>Lines that scroll by above a screen: written over what the screen had there, of which nothing stays. The terminal breaks long ones, so that they can be copied whole.</summary>
internal sealed class ScrollingText(string text) : Renderable
{
    /// <inheritdoc/>
    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            yield return new Segment(line);
            foreach (var end in ScreenLine.End(options.Ansi))
            {
                yield return end;
            }
        }
    }
}
