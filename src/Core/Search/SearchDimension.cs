using System.Globalization;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Search;

/// <summary>How the values of a dimension are spread.</summary>
public enum SearchScale
{
    /// <summary>Uniform in the logarithm: each factor of ten is as likely as the next.</summary>
    Logarithmic,

    /// <summary>Uniform.</summary>
    Linear,

    /// <summary>One of some values.</summary>
    List,
}

/// <summary>One hyperparameter and the values it is searched over. Values are texts, as a command line takes them.</summary>
public sealed class SearchDimension
{
    private const string LogPrefix = "log:";
    private const string LinearPrefix = "lin:";
    private const string ListPrefix = "list:";
    private const string Between = "..";

    /// <summary>A narrowed range has this part of its width, in its own scale.</summary>
    private const double NarrowedTo = 0.25;

    private SearchDimension(string name, SearchScale scale, double low, double high, bool isWhole, IReadOnlyList<string> values) =>
        (Name, Scale, Low, High, IsWhole, Values) = (name, scale, low, high, isWhole, values);

    /// <summary>Whose values they are, for example <c>--lr</c>.</summary>
    public string Name { get; }

    /// <summary>How they are spread.</summary>
    public SearchScale Scale { get; }

    /// <summary>The lowest value of a range; 0 for a list.</summary>
    public double Low { get; }

    /// <summary>The highest value of a range; 0 for a list.</summary>
    public double High { get; }

    /// <summary>Whether only whole numbers are values of the range.</summary>
    public bool IsWhole { get; }

    /// <summary>The values of a list; none for a range.</summary>
    public IReadOnlyList<string> Values { get; }

    /// <summary>Whether a text means values to search over, rather than one value.</summary>
    public static bool IsRange(string text) =>
        text.StartsWith(LogPrefix, StringComparison.Ordinal) || text.StartsWith(LinearPrefix, StringComparison.Ordinal)
        || text.StartsWith(ListPrefix, StringComparison.Ordinal);

    /// <summary>
    /// Reads <c>log:1e-4..1</c>, <c>lin:0.5..0.99</c> or <c>list:sgd,adam</c>. A list whose values hold commas has bars between them:
    /// <c>list:50,50|100</c>.
    /// </summary>
    /// <param name="name">Whose values they are.</param>
    /// <param name="text">What was given; <see cref="IsRange"/>.</param>
    /// <param name="isWhole">Whether a range holds whole numbers only.</param>
    /// <exception cref="InvalidInputException">It is malformed or holds nothing to search over.</exception>
    public static SearchDimension Parse(string name, string text, bool isWhole)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal) + 1;
        var (prefix, rest) = (text[..colon], text[colon..]);
        if (prefix == ListPrefix)
        {
            return ParseList(name, text, rest);
        }

        var ends = rest.Split(Between);
        if (ends.Length != 2 || !TryRead(ends[0], out var low) || !TryRead(ends[1], out var high))
        {
            throw new InvalidInputException($"{name} is '{text}'; a range is two numbers: {prefix}LOW..HIGH, for example log:1e-4..1 or lin:0.5..0.99.");
        }

        if (isWhole && (low != Math.Floor(low) || high != Math.Floor(high)))
        {
            throw new InvalidInputException($"{name} is '{text}'; its values are whole numbers, so the ends must be.");
        }

        if (!(low < high))
        {
            throw new InvalidInputException($"{name} is '{text}'; the range is empty: its low end must be below its high end.");
        }

        return prefix == LogPrefix && low <= 0
            ? throw new InvalidInputException($"{name} is '{text}'; a range of the logarithm must begin above 0. Begin it there, or use {LinearPrefix}{rest}.")
            : new SearchDimension(name, prefix == LogPrefix ? SearchScale.Logarithmic : SearchScale.Linear, low, high, isWhole, []);
    }

    /// <summary>A value drawn from the stream's first 64-bit element: see <see cref="SearchScale"/>.</summary>
    public string Draw(in RandomStream random)
    {
        var bits = random.Bits64(0);
        // 53 bits are a double in [0, 1) exactly.
        return Scale == SearchScale.List ? Values[RandomStream.ToBelow(bits, Values.Count)] : ValueAt((bits >> 11) * (1.0 / (1L << 53)), isDrawn: true);
    }

    /// <summary>Points spread evenly over a range, its ends among them (one point: its middle); all values of a list.</summary>
    /// <param name="count">At least 1. A range of fewer whole numbers has fewer points.</param>
    public IReadOnlyList<string> Grid(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return Scale == SearchScale.List ? Values
            : count == 1 ? [ValueAt(0.5, isDrawn: false)]
            : [.. Enumerable.Range(0, count).Select(i => ValueAt((double)i / (count - 1), isDrawn: false)).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>
    /// What to search next: a range gets a quarter of its width, around the best value and within <paramref name="whole"/>; a list keeps the values of the best trials.
    /// </summary>
    /// <param name="whole">The dimension as it was given.</param>
    /// <param name="best">The best trial's value.</param>
    /// <param name="good">The values of the best trials, the best one's among them.</param>
    public SearchDimension Narrow(SearchDimension whole, string best, IReadOnlyCollection<string> good)
    {
        if (Scale == SearchScale.List)
        {
            return new SearchDimension(Name, Scale, 0, 0, IsWhole, [.. Values.Where(good.Contains)]);
        }

        var middle = Position(double.Parse(best, CultureInfo.InvariantCulture));
        var low = Math.Max(whole.Low, Round(Value(middle - (NarrowedTo / 2)), down: true));
        var high = Math.Min(whole.High, Round(Value(middle + (NarrowedTo / 2)), down: false));
        return low < high
            ? new SearchDimension(Name, Scale, low, high, IsWhole, [])
            : new SearchDimension(Name, SearchScale.List, 0, 0, IsWhole, [best]);
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public override string ToString() => Scale switch
    {
        SearchScale.List => ListPrefix + string.Join(Values.Any(value => value.Contains(',', StringComparison.Ordinal)) ? '|' : ',', Values),
        SearchScale.Logarithmic => FormattableString.Invariant($"{LogPrefix}{Low:R}{Between}{High:R}"),
        _ => FormattableString.Invariant($"{LinearPrefix}{Low:R}{Between}{High:R}"),
    };

    private static SearchDimension ParseList(string name, string text, string rest)
    {
        var values = rest.Split(rest.Contains('|', StringComparison.Ordinal) ? '|' : ',', StringSplitOptions.TrimEntries);
        return values.Contains("") ? throw new InvalidInputException($"{name} is '{text}'; a list is one value or more, for example {ListPrefix}50,100.")
            : values.GroupBy(value => value, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice
                ? throw new InvalidInputException($"{name} is '{text}'; {twice.Key} stands there twice.")
                : new SearchDimension(name, SearchScale.List, 0, 0, isWhole: false, values);
    }

    private static bool TryRead(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    /// <summary>
    /// The value at a part of the width. Numbers have four significant digits, so that they can be read and typed again; of whole numbers on a linear
    /// scale each is drawn with equal probability.
    /// </summary>
    private string ValueAt(double part, bool isDrawn)
    {
        var value = IsWhole && isDrawn && Scale == SearchScale.Linear ? Math.Floor(Low + (part * (High - Low + 1)))
            : IsWhole ? Math.Round(Value(part))
            : double.Parse(Value(part).ToString("E3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return Math.Clamp(value, Low, High).ToString(IsWhole ? "F0" : "R", CultureInfo.InvariantCulture);
    }

    private double Value(double part) =>
        Scale == SearchScale.Linear ? Low + (part * (High - Low)) : Low * Elementary.Exp(part * Elementary.Log(High / Low));

    private double Position(double value) =>
        Scale == SearchScale.Linear ? (value - Low) / (High - Low) : Elementary.Log(value / Low) / Elementary.Log(High / Low);

    private double Round(double value, bool down) =>
        !IsWhole ? double.Parse(value.ToString("E3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : down ? Math.Floor(value) : Math.Ceiling(value);
}
