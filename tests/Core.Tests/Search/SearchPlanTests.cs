using DistTrain.Core.Search;

namespace DistTrain.Core.Tests.Search;

public sealed class SearchPlanTests
{
    private static readonly SearchDimension Rate = SearchDimension.Parse("--lr", "log:1e-4..1", isWhole: false);
    private static readonly SearchDimension Decay = SearchDimension.Parse("--momentum", "lin:0..0.9", isWhole: false);
    private static readonly SearchDimension Rule = SearchDimension.Parse("--optimizer", "list:sgd,adam,rmsprop", isWhole: false);

    [Fact]
    public void Draw_Random_DependsOnSeedTrialAndPlaceAlone()
    {
        var both = Draw([Rate, Decay], trials: 10, seed: 1);

        Assert.Equal(both, Draw([Decay, Rate], trials: 10, seed: 1));
        Assert.Equal(both[..5], Draw([Rate, Decay], trials: 5, seed: 1));
        Assert.Equal(both.Select(values => values[..values.IndexOf(' ', StringComparison.Ordinal)]), Draw([Rate], trials: 10, seed: 1));
        Assert.NotEqual(both, Draw([Rate, Decay], trials: 10, seed: 2));
        Assert.Equal(10, both.Distinct().Count());
    }

    /// <summary>A trial can be looked up by its number for as long as there are logs: the draws never change.</summary>
    [Fact]
    public void Draw_Random_IsPinned() => Assert.Equal("0.00637 0.8679 rmsprop | 0.05079 0.791 sgd | 0.002559 0.2619 adam", string.Join(" | ", Draw([Rate, Decay, Rule], trials: 3, seed: 7)));

    [Theory]
    [InlineData(40, null, "20 20")]
    [InlineData(40, 0, "40")]
    [InlineData(40, 2, "20 10 10")]
    [InlineData(7, 3, "4 1 1 1")]
    [InlineData(1, 1, "1 0")]
    [InlineData(null, 1, "10 10")]
    public void Draw_Rounds_ShareTheTrials(int? trials, int? refinements, string expected)
    {
        var plan = SearchPlan.Create([Rate], trials, null, refinements, null, 1);

        Assert.Equal(expected, string.Join(' ', Enumerable.Range(0, plan.Refinements + 1).Select(round => plan.Draw(round, plan.Dimensions, 1).Count)));
    }

    [Fact]
    public void Draw_Grid_IsEachCombinationOnce()
    {
        var points = Draw([Rule, Rate], trials: null, grid: 2);

        Assert.Equal(["0.0001 sgd", "0.0001 adam", "0.0001 rmsprop", "1 sgd", "1 adam", "1 rmsprop"], points);
    }

    [Fact]
    public void Draw_FewerTrialsThanPoints_AreDrawnWithoutRepetition()
    {
        var all = Draw([Rule, Rate], trials: null, grid: 10);
        var some = Draw([Rule, Rate], trials: 12, grid: 10);

        Assert.Equal(12, some.Distinct().Count());
        Assert.Empty(some.Except(all));
        Assert.NotEqual(some, Draw([Rule, Rate], trials: 12, grid: 10, seed: 2));
    }

    [Fact]
    public void Create_ListsAlone_AreAGrid()
    {
        Assert.Equal(["sgd", "adam", "rmsprop"], Draw([Rule], trials: null));
        Assert.Equal(0, SearchPlan.Create([Rule], null, null, null, null, 1).Refinements);
    }

    [Theory]
    [InlineData(7, 2)]
    [InlineData(4, null)]
    public void Create_MoreTrialsThanPoints_IsRefused(int trials, int? grid)
    {
        SearchDimension[] dimensions = grid is null ? [Rule] : [Rule, Rate];

        var refusal = Assert.Throws<InvalidInputException>(() => SearchPlan.Create(dimensions, trials, grid, null, null, 1));

        Assert.Contains($"only {(grid is null ? 3 : 6)} combinations", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_Nothing_IsRefused() => Assert.Throws<InvalidInputException>(() => SearchPlan.Create([], null, null, null, null, 1));

    private static List<string> Draw(SearchDimension[] dimensions, int? trials, ulong seed = 1, int? grid = null)
    {
        var plan = SearchPlan.Create(dimensions, trials, grid, refinements: 0, halving: null, seed);
        return [.. plan.Draw(0, plan.Dimensions, 1).Select(trial => string.Join(' ', trial.Values))];
    }
}
