using System.Globalization;
using DistTrain.Core.Search;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Search;

public sealed class SearchDimensionTests
{
    private const int Draws = 4000;

    [Theory]
    [InlineData("log:0..1", "above 0")]
    [InlineData("log:-1..1", "above 0")]
    [InlineData("log:1..1", "empty")]
    [InlineData("lin:2..1", "empty")]
    [InlineData("lin:1", "LOW..HIGH")]
    [InlineData("lin:1..2..3", "LOW..HIGH")]
    [InlineData("lin:a..2", "LOW..HIGH")]
    [InlineData("lin:0..nan", "LOW..HIGH")]
    [InlineData("lin:0..1e999", "LOW..HIGH")]
    [InlineData("list:", "one value or more")]
    [InlineData("list:1,,2", "one value or more")]
    [InlineData("list:1,2,1", "1 stands there twice")]
    public void Parse_NothingToSearch_SaysWhat(string text, string expected)
    {
        Assert.True(SearchDimension.IsRange(text));
        var refusal = Assert.Throws<InvalidInputException>(() => SearchDimension.Parse("--x", text, isWhole: false));
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith($"--x is '{text}'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WholeNumbersWithFractions_IsRefused() =>
        Assert.Throws<InvalidInputException>(() => SearchDimension.Parse("--x", "lin:1.5..3", isWhole: true));

    [Theory]
    [InlineData("0.1")]
    [InlineData("1..2")]
    [InlineData("exp:1..2")]
    [InlineData("")]
    public void IsRange_OneValue_IsNone(string text) => Assert.False(SearchDimension.IsRange(text));

    [Theory]
    [InlineData("log:0.0001..1")]
    [InlineData("lin:0.5..0.99")]
    [InlineData("list:50,100")]
    [InlineData("list:50,50|100")]
    public void ToString_Parsed_IsTheTextAgain(string text) => Assert.Equal(text, SearchDimension.Parse("--x", text, isWhole: false).ToString());

    /// <summary>Each of four decades gets a quarter of the draws; a linear draw would put 90 % into the last.</summary>
    [Fact]
    public void Draw_Logarithmic_IsUniformOverDecades()
    {
        var values = DrawMany("log:1e-4..1", isWhole: false).Select(text => double.Parse(text, CultureInfo.InvariantCulture)).ToList();

        Assert.All(values, value => Assert.InRange(value, 1e-4, 1));
        foreach (var low in (double[])[1e-4, 1e-3, 1e-2, 1e-1])
        {
            Assert.InRange(values.Count(value => value >= low && value < 10 * low), Draws * 0.22, Draws * 0.28);
        }
    }

    [Theory]
    [InlineData("lin:1..5", "1 2 3 4 5")]
    [InlineData("log:1..3", "1 2 3")]
    [InlineData("list:b,a,c", "a b c")]
    public void Draw_FewValues_AreAllOfThem(string text, string expected)
    {
        var values = DrawMany(text, isWhole: true);

        Assert.Equal(expected, string.Join(' ', values.Distinct().Order(StringComparer.Ordinal)));
        if (!text.StartsWith("log", StringComparison.Ordinal))
        {
            Assert.All(values.CountBy(value => value), count => Assert.InRange(count.Value, Draws / values.Distinct().Count() * 0.85, Draws / values.Distinct().Count() * 1.15));
        }
    }

    [Fact]
    public void Draw_RoundedToFourDigits_StaysWithinTheEnds()
    {
        var values = DrawMany("lin:1.00012..1.00049", isWhole: false).Select(text => double.Parse(text, CultureInfo.InvariantCulture));

        Assert.All(values, value => Assert.InRange(value, 1.00012, 1.00049));
        Assert.All(DrawMany("log:1e-4..1", isWhole: false), text => Assert.InRange(text.Replace("0.", "", StringComparison.Ordinal).TrimStart('0').Length, 1, 7));
    }

    [Theory]
    [InlineData("log:0.001..1", false, 4, "0.001 0.01 0.1 1")]
    [InlineData("lin:0..1", false, 5, "0 0.25 0.5 0.75 1")]
    [InlineData("log:0.01..1", false, 1, "0.1")]
    [InlineData("lin:1..3", true, 9, "1 2 3")]
    [InlineData("list:x,y", false, 1, "x y")]
    public void Grid_Points_AreSpreadEvenly(string text, bool isWhole, int count, string expected) =>
        Assert.Equal(expected, string.Join(' ', SearchDimension.Parse("--x", text, isWhole).Grid(count)));

    [Theory]
    [InlineData("log:0.0001..1", false, "0.01", "log:0.003162..0.03162")]
    [InlineData("log:0.0001..1", false, "1", "log:0.3162..1")]
    [InlineData("lin:0..8", false, "4", "lin:3..5")]
    [InlineData("lin:0..8", false, "0", "lin:0..1")]
    [InlineData("lin:0..8", true, "4", "lin:3..5")]
    [InlineData("list:a,b,c", false, "a", "list:a,c")]
    public void Narrow_AroundTheBest_IsAQuarterWithinTheWhole(string text, bool isWhole, string best, string expected)
    {
        var whole = SearchDimension.Parse("--x", text, isWhole);

        Assert.Equal(expected, whole.Narrow(whole, best, ["c", "a", best]).ToString());
    }

    [Fact]
    public void Narrow_Again_ReachesOutOfTheNarrowedButNotOfTheWhole()
    {
        var whole = SearchDimension.Parse("--x", "lin:0..8", isWhole: false);
        var narrowed = whole.Narrow(whole, "1.5", []);

        Assert.Equal("lin:0.5..2.5", narrowed.ToString());
        Assert.Equal("lin:0.25..0.75", narrowed.Narrow(whole, "0.5", []).ToString());
    }

    private static List<string> DrawMany(string text, bool isWhole)
    {
        var dimension = SearchDimension.Parse("--x", text, isWhole);
        return [.. Enumerable.Range(0, Draws).Select(number => dimension.Draw(new RandomStream(1, RandomPurpose.Search, 0, 0, number)))];
    }
}
