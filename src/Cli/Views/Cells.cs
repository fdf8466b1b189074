using System.Text;
using Spectre.Console;

namespace DistTrain.Cli.Views;

/// <summary>Text by the columns that it takes on a terminal: none for an accent that goes onto the letter before it, two for most of what is written in East Asia.</summary>
internal static class Cells
{
    /// <summary>The columns that a text takes.</summary>
    public static int Width(string text) => text.GetCellWidth();

    /// <summary>As much of a text as there is room for.</summary>
    public static string Cut(string text, int width)
    {
        if (Width(text) <= width)
        {
            return text;
        }

        var (taken, length) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            taken += Width(rune.ToString());
            if (taken > width)
            {
                break;
            }

            length += rune.Utf16SequenceLength;
        }

        return text[..length];
    }

    /// <summary>A text, or its begin and a sign that it goes on.</summary>
    public static string Shorten(string text, int width, bool unicode) => Width(text) <= width ? text : Cut(text, width - 1) + (unicode ? '…' : '~');

    /// <summary>A text at the left of so many columns.</summary>
    public static string PadRight(string text, int width) => text + Blanks(text, width);

    /// <summary>A text at the right of so many columns.</summary>
    public static string PadLeft(string text, int width) => Blanks(text, width) + text;

    private static string Blanks(string beside, int width) => new(' ', Math.Max(0, width - Width(beside)));
}
