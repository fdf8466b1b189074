using System.Globalization;
using DistTrain.Core.Search;

namespace DistTrain.Core.Tests.Search;

public sealed class SearchProgressTests
{
    private const long TotalSteps = 90;
    private static readonly SearchDimension Rate = SearchDimension.Parse("--lr", "log:1e-4..1", isWhole: false);

    [Theory]
    [InlineData(null, 40, 1000, 0)]
    [InlineData(3, 40, 1000, 2)]
    [InlineData(3, 8, 1000, 1)]
    [InlineData(3, 9, 1000, 2)]
    [InlineData(3, 2, 1000, 0)]
    [InlineData(3, 40, 8, 1)]
    [InlineData(2, 1, 1000, 0)]
    public void Halvings_FewTrialsOrSteps_AreFewer(int? factor, int trials, long steps, int expected) =>
        Assert.Equal(expected, HalvingRules.Halvings(factor, trials, steps));

    [Theory]
    [InlineData(3, 90, 2, "10 30 90")]
    [InlineData(3, 10, 2, "2 4 10")]
    [InlineData(2, 4, 2, "1 2 4")]
    [InlineData(null, 10, 0, "10")]
    public void Steps_Rungs_RiseToTheWholeTraining(int? factor, long total, int halvings, string expected) => Assert.Equal(
        expected, string.Join(' ', Enumerable.Range(0, halvings + 1).Select(rung => HalvingRules.Steps(factor, total, halvings, rung))));

    [Fact]
    public void Pending_OneResultMissing_HoldsTheNextRungBack()
    {
        var plan = SearchPlan.Create([Rate], 9, null, 0, 3, 1);
        var first = Of(plan, []).Pending;
        Assert.Equal("1@10 2@10 3@10 4@10 5@10 6@10 7@10 8@10 9@10", Describe(first));

        var results = first.Select(run => Result(run, accuracy: run.Trial.Number / 10.0)).ToList();
        Assert.Equal("4@10", Describe(Of(plan, results.Where(result => result.Trial != 4)).Pending));

        Assert.Equal("9@30 8@30 7@30", Describe(Of(plan, results).Pending));
    }

    [Fact]
    public void Of_ResultsInAnyOrder_IsTheSame()
    {
        var plan = SearchPlan.Create([Rate], 12, null, null, 2, 3);
        var results = Complete(plan, run => Result(run, Accuracy(run)));

        var expected = Table(Of(plan, results));

        Assert.Equal(expected, Table(Of(plan, Enumerable.Reverse(results))));
        Assert.Equal(12, expected.Count);
        Assert.Empty(Of(plan, results).Pending);
    }

    [Fact]
    public void Rank_Ties_AreByLossThenNumber()
    {
        var plan = SearchPlan.Create([Rate], 4, null, 0, null, 1);
        var losses = new Dictionary<int, double> { [1] = 0.3, [2] = 0.2, [3] = 0.3, [4] = 0.9 };

        var ranking = Of(plan, Complete(plan, run => Result(run, run.Trial.Number == 4 ? 0.8 : 0.5, losses[run.Trial.Number]))).Ranking;

        Assert.Equal([4, 2, 1, 3], ranking.Select(ranked => ranked.Trial.Number));
        Assert.Equal([1, 2, 3, 4], ranking.Select(ranked => ranked.Rank));
    }

    [Fact]
    public void Rank_SortedOut_IsBelowWhoTrainedToTheEnd()
    {
        var plan = SearchPlan.Create([Rate], 6, null, 0, 3, 1);

        // Whoever goes on gets worse.
        var ranking = Of(plan, Complete(plan, run => Result(run, run.Rung == 0 ? 0.5 + (run.Trial.Number / 100.0) : 0.1))).Ranking;

        Assert.Equal([5, 6, 4, 3, 2, 1], ranking.Select(ranked => ranked.Trial.Number));
        Assert.Equal([90, 90, 30, 30, 30, 30], ranking.Select(ranked => ranked.Result.Steps));
    }

    [Fact]
    public void Of_TrialsFail_ComeLastAndDoNotGoOn()
    {
        var plan = SearchPlan.Create([Rate], 6, null, 0, 2, 1);
        // Two are left, one of which has no finite loss.
        var results = Complete(plan, run => run.Trial.Number switch
        {
            5 => Result(run, 0.2),
            6 => Result(run, 0.9) with { ValidationLoss = null },
            _ => new TrialResult(run.Trial.Number, run.Rung, run.Steps, null, null, "The loss is not finite."),
        });

        var progress = Of(plan, results);

        Assert.Equal([5, 1, 2, 3, 4, 6], progress.Ranking.Select(ranked => ranked.Trial.Number));
        Assert.Equal(5, progress.Best!.Trial.Number);
        Assert.Equal(8, results.Count);
    }

    [Fact]
    public void Of_AllFail_HasNoBestAndDoesNotRefine()
    {
        var plan = SearchPlan.Create([Rate], 4, null, 1, null, 1);

        var results = Complete(plan, run => new TrialResult(run.Trial.Number, run.Rung, run.Steps, null, null, "NaN"));

        Assert.Equal(2, results.Count);
        Assert.Null(Of(plan, results).Best);
    }

    [Fact]
    public void Of_SecondRound_IsAroundTheBestOfAll()
    {
        var plan = SearchPlan.Create([Rate], 16, null, 2, null, 5);
        // The first round has the best trial; the rounds after it are worse.
        var results = Complete(plan, run => Result(run, run.Trial.Round == 0 ? 0.5 + (run.Trial.Number / 100.0) : 0.1));
        var progress = Of(plan, results);
        var best = double.Parse(progress.Best!.Trial.Values[0], CultureInfo.InvariantCulture);

        Assert.Equal((8, 3), (progress.Best.Trial.Number, progress.Rounds.Count));
        // A quarter and a sixteenth of four decades; at an end of the range, half of that.
        foreach (var (dimensions, width) in progress.Rounds.Skip(1).Zip((double[])[10, 1.7783]))
        {
            Assert.InRange(best, dimensions[0].Low, dimensions[0].High);
            Assert.InRange(dimensions[0].High / dimensions[0].Low, Math.Sqrt(width) * 0.99, width * 1.01);
        }

        Assert.All(progress.Ranking.Where(ranked => ranked.Trial.Round == 2), ranked => Assert.InRange(
            double.Parse(ranked.Trial.Values[0], CultureInfo.InvariantCulture), progress.Rounds[2][0].Low, progress.Rounds[2][0].High));
    }

    /// <summary>Does what is pending until nothing is.</summary>
    private static List<TrialResult> Complete(SearchPlan plan, Func<TrialRun, TrialResult> train)
    {
        var results = new List<TrialResult>();
        while (Of(plan, results).Pending is { Count: > 0 } pending)
        {
            results.AddRange(pending.Select(train));
        }

        return results;
    }

    private static SearchProgress Of(SearchPlan plan, IEnumerable<TrialResult> results) => SearchProgress.Of(plan, _ => TotalSteps, results);

    private static TrialResult Result(TrialRun run, double accuracy, double loss = 1) => new(run.Trial.Number, run.Rung, run.Steps, loss, accuracy);

    private static double Accuracy(TrialRun run) => run.Trial.Number * 7 % 12 / 12.0;

    private static string Describe(IEnumerable<TrialRun> runs) => string.Join(' ', runs.Select(run => $"{run.Trial.Number}@{run.Steps}"));

    private static List<string> Table(SearchProgress progress) =>
        [.. progress.Ranking.Select(ranked => $"{ranked.Rank} {ranked.Trial.Number} {ranked.Trial.Round} {string.Join(' ', ranked.Trial.Values)} {ranked.Result}")];
}
