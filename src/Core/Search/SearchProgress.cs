namespace DistTrain.Core.Search;

/// <summary>
/// How far a search is, as a pure function of its plan and of the results so far, in whatever order they came: what is to be done next, what is ranked how.
/// </summary>
public sealed class SearchProgress
{
    /// <summary>A list is narrowed to the values of this share of the trials, the best ones: 1/4.</summary>
    private const int GoodShare = 4;

    private readonly SearchPlan _plan;
    private readonly Func<Trial, long> _totalSteps;
    private readonly Dictionary<(int Trial, int Rung), TrialResult> _results;
    private readonly List<(Trial Trial, int Rungs)> _trials = [];
    private readonly List<TrialRun> _pending = [];

    private SearchProgress(SearchPlan plan, Func<Trial, long> totalSteps, IEnumerable<TrialResult> results) =>
        (_plan, _totalSteps, _results) = (plan, totalSteps, results.ToDictionary(result => (result.Trial, result.Rung)));

    /// <summary>The trainings that may begin now, in any order; none when the search is over.</summary>
    public IReadOnlyList<TrialRun> Pending => _pending;

    /// <summary>What each round so far searches.</summary>
    public List<IReadOnlyList<SearchDimension>> Rounds { get; } = [];

    /// <summary>Every trial with a result, the best first.</summary>
    public IReadOnlyList<RankedTrial> Ranking { get; private set; } = [];

    /// <summary>The best trial; null if there is none that can be ranked.</summary>
    public RankedTrial? Best => Ranking is [{ Result.IsSound: true } best, ..] ? best : null;

    /// <summary>Looks how far a search is.</summary>
    /// <param name="plan">The search.</param>
    /// <param name="totalSteps">The length of a trial's whole training, at least 1; throws <see cref="InvalidInputException"/> if it cannot be trained.</param>
    /// <param name="results">Those so far.</param>
    public static SearchProgress Of(SearchPlan plan, Func<Trial, long> totalSteps, IEnumerable<TrialResult> results)
    {
        var progress = new SearchProgress(plan, totalSteps, results);
        IReadOnlyList<SearchDimension> dimensions = plan.Dimensions;
        for (var round = 0; round <= plan.Refinements; round++)
        {
            if (round > 0)
            {
                if (progress.Best is not { } best)
                {
                    break;
                }

                dimensions = progress.Narrow(dimensions, best);
            }

            if (!progress.GoThrough(round, dimensions))
            {
                break;
            }
        }

        return progress;
    }

    /// <summary>
    /// Ranks: who has come nearer to its last rung first, then by accuracy, then by loss, then by number; a training that failed or whose loss is not finite
    /// comes last.
    /// </summary>
    public static IReadOnlyList<RankedTrial> Rank(IEnumerable<RankedTrial> trials) =>
    [
        .. trials.OrderBy(trial => trial.Result.IsSound ? 0 : 1)
            .ThenBy(trial => trial.Result.IsSound ? trial.Rungs - trial.Result.Rung : 0)
            .ThenByDescending(trial => trial.Result.IsSound ? trial.Result.ValidationAccuracy : 0)
            .ThenBy(trial => trial.Result.IsSound ? trial.Result.ValidationLoss : 0)
            .ThenBy(trial => trial.Trial.Number)
            .Select((trial, i) => trial with { Rank = i + 1 }),
    ];

    /// <summary>Follows a round through its rungs; false if it is not complete.</summary>
    private bool GoThrough(int round, IReadOnlyList<SearchDimension> dimensions)
    {
        var alive = _plan.Draw(round, dimensions, _trials.Count + 1);
        if (alive.Count == 0)
        {
            return true;
        }

        Rounds.Add(dimensions);
        var steps = alive.ToDictionary(trial => trial.Number, _totalSteps);
        var halvings = HalvingRules.Halvings(_plan.Halving, alive.Count, steps.Values.Min());
        _trials.AddRange(alive.Select(trial => (trial, halvings + 1)));
        for (var rung = 0; rung <= halvings; rung++)
        {
            _pending.AddRange(alive
                .Where(trial => !_results.ContainsKey((trial.Number, rung)))
                .Select(trial => new TrialRun(
                    trial, rung, halvings + 1, HalvingRules.Steps(_plan.Halving, steps[trial.Number], halvings, rung), steps[trial.Number])));
            RankAll();
            if (_pending.Count > 0)
            {
                return false;
            }

            if (rung < halvings)
            {
                var onRung = alive.Select(trial => new RankedTrial(0, trial, halvings + 1, _results[(trial.Number, rung)]));
                alive = [.. Rank(onRung).Take(HalvingRules.Survivors(_plan.Halving!.Value, alive.Count)).Where(trial => trial.Result.IsSound).Select(trial => trial.Trial)];
            }
        }

        return true;
    }

    private void RankAll() => Ranking = Rank(
        from known in _trials
        let result = Highest(known.Trial.Number, known.Rungs)
        where result is not null
        select new RankedTrial(0, known.Trial, known.Rungs, result));

    private TrialResult? Highest(int trial, int rungs)
    {
        for (var rung = rungs - 1; rung >= 0; rung--)
        {
            if (_results.TryGetValue((trial, rung), out var result))
            {
                return result;
            }
        }

        return null;
    }

    private List<SearchDimension> Narrow(IReadOnlyList<SearchDimension> dimensions, RankedTrial best)
    {
        var good = Ranking.Where(trial => trial.Result.IsSound).Take(((_trials.Count - 1) / GoodShare) + 1).ToList();
        return
        [
            .. dimensions.Select((dimension, place) => dimension.Narrow(
                _plan.Dimensions[place], best.Trial.Values[place], [.. good.Select(trial => trial.Trial.Values[place])])),
        ];
    }
}
