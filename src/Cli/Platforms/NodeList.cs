using System.Globalization;
using DistTrain.Core;

namespace DistTrain.Cli.Platforms;

/// <summary>
/// Slurm's short form of many names: <c>node[01-03,7],gpu2</c> is node01, node02, node03, node7 and gpu2, in this order. A name may have several brackets,
/// of which the last runs fastest, and more text after them. The width of a range's first number is that of all its numbers.
/// </summary>
/// <remarks>Read here rather than by <c>scontrol show hostnames</c>, which containers lack; it gives the same names.</remarks>
public static class NodeList
{
    /// <summary>Beyond any cluster (Slurm itself is made for 65,533 nodes): a list of more is a mistake, and would only fill memory.</summary>
    public const int MostNodes = 1 << 16;

    /// <summary>Nine digits fit 32 bits.</summary>
    private const int MostDigits = 9;

    /// <summary>Writes every name out.</summary>
    /// <param name="text">The list.</param>
    /// <param name="place">The variable that holds it, for messages.</param>
    /// <returns>At least one name; a name that is listed twice comes twice.</returns>
    /// <exception cref="InvalidInputException">It is no such list.</exception>
    public static IReadOnlyList<string> Expand(string text, string place)
    {
        var names = new List<string>();
        try
        {
            foreach (var part in SplitOutsideBrackets(text))
            {
                Add(part, names);
            }
        }
        catch (FormatException e)
        {
            throw new InvalidInputException($"{place} is '{Shorten(text)}', which is no list of nodes such as node[01-03,7],gpu2: {e.Message}", e);
        }

        return names;
    }

    private static List<string> SplitOutsideBrackets(string text)
    {
        var parts = new List<string>();
        var (start, isInside) = (0, false);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '[' when isInside:
                    throw new FormatException(FormattableString.Invariant($"a bracket within brackets at character {i + 1}."));
                case ']' when !isInside:
                    throw new FormatException(FormattableString.Invariant($"a bracket closes at character {i + 1} that was not opened."));
                case '[' or ']':
                    isInside = !isInside;
                    break;
                case ',' when !isInside:
                    parts.Add(text[start..i]);
                    start = i + 1;
                    break;
                case var c when char.IsWhiteSpace(c) || char.IsControl(c):
                    throw new FormatException(FormattableString.Invariant($"a blank at character {i + 1}."));
            }
        }

        parts.Add(text[start..]);
        return isInside ? throw new FormatException("a bracket is not closed.")
            : parts.Contains("") ? throw new FormatException("a name is empty.")
            : parts;
    }

    /// <summary>The names of one part without commas outside brackets: text and brackets by turns.</summary>
    private static void Add(string part, List<string> names)
    {
        List<string> made = [""];
        var rest = part.AsSpan();
        while (rest.Length > 0)
        {
            var open = rest.IndexOf('[');
            var text = (open < 0 ? rest : rest[..open]).ToString();
            made = [.. made.Select(name => name + text)];
            if (open < 0)
            {
                break;
            }

            var close = rest.IndexOf(']');
            var numbers = Numbers(rest[(open + 1)..close].ToString());
            RequireFew((long)made.Count * numbers.Count);
            made = [.. made.SelectMany(_ => numbers, (name, number) => name + number)];
            rest = rest[(close + 1)..];
        }

        RequireFew(names.Count + (long)made.Count);
        names.AddRange(made);
    }

    private static List<string> Numbers(string text)
    {
        var numbers = new List<string>();
        foreach (var range in text.Split(','))
        {
            var ends = range.Split('-');
            if (ends.Length > 2)
            {
                throw new FormatException($"'{range}' is no range of numbers.");
            }

            var (first, last) = (Number(ends[0]), Number(ends[^1]));
            if (last < first)
            {
                throw new FormatException($"the range '{range}' ends below its beginning.");
            }

            RequireFew(numbers.Count + (last - first) + 1L);
            var format = "D" + ends[0].Length.ToString(CultureInfo.InvariantCulture);
            for (var number = first; number <= last; number++)
            {
                numbers.Add(number.ToString(format, CultureInfo.InvariantCulture));
            }
        }

        return numbers;
    }

    private static int Number(string digits) =>
        digits.Length is > 0 and <= MostDigits && digits.All(char.IsAsciiDigit)
            ? int.Parse(digits, CultureInfo.InvariantCulture)
            : throw new FormatException($"'{digits}' in brackets is no number of at most {MostDigits} digits.");

    private static void RequireFew(long count)
    {
        if (count > MostNodes)
        {
            throw new FormatException($"it has more than {MostNodes} names.");
        }
    }

    private static string Shorten(string text)
    {
        const int Shown = 100;
        var printable = string.Concat(text.Take(Shown).Select(c => char.IsControl(c) ? ' ' : c));
        return text.Length > Shown ? printable + "…" : printable;
    }
}
