using DistTrain.Core.Training;

namespace DistTrain.Core.Search;

/// <summary>One training to try.</summary>
/// <param name="Number">From 1, over all rounds.</param>
/// <param name="Round">0 over the whole ranges, then each narrower.</param>
/// <param name="Values">One for each dimension, in their order.</param>
public sealed record Trial(int Number, int Round, IReadOnlyList<string> Values);

/// <summary>
/// What to search and how. Which trials there are follows from it and from the results of earlier rounds alone.
/// </summary>
/// <remarks>
/// A trial's value is drawn from the stream (seed, <see cref="RandomPurpose.Search"/>, layer: the dimension's place among the names in ordinal order, step: the
/// round, position: the trial's number). A grid of more points than trials is thinned out by the first places of a permutation from the stream with the
/// last layer number.
/// </remarks>
public sealed record SearchPlan
{
    /// <summary>Trials of a random search that says nothing else.</summary>
    public const int DefaultTrials = 20;

    /// <summary>More trials than this are a mistake.</summary>
    public const int MaximumTrials = 100_000;

    /// <summary>The share of the trials that the refining rounds get: 1/2.</summary>
    private const int RefiningShare = 2;

    private SearchPlan(IReadOnlyList<SearchDimension> dimensions) => Dimensions = dimensions;

    /// <summary>What is searched, in ordinal order of the names.</summary>
    public IReadOnlyList<SearchDimension> Dimensions { get; }

    /// <summary>Points per range of a grid; null for random trials.</summary>
    public int? GridPoints { get; private init; }

    /// <summary>Trials: of all rounds; of a grid in each.</summary>
    public int Trials { get; private init; }

    /// <summary>Rounds after the first, each over narrower ranges around the best.</summary>
    public int Refinements { get; private init; }

    /// <summary>η of successive halving; null for none.</summary>
    public int? Halving { get; private init; }

    /// <summary>Draws the trials.</summary>
    public ulong Seed { get; private init; }

    /// <summary>Checks and completes a plan.</summary>
    /// <param name="dimensions">At least one, each name once.</param>
    /// <param name="trials">At least 1; null for <see cref="DefaultTrials"/>, or all points of a grid.</param>
    /// <param name="gridPoints">Points per range; null for a random search, but lists alone are a grid in any case.</param>
    /// <param name="refinements">At least 0; null for 1, or 0 for a grid.</param>
    /// <param name="halving">η, at least 2; null for none.</param>
    /// <param name="seed">Draws the trials.</param>
    /// <exception cref="InvalidInputException">There is nothing to search, or less than is asked for.</exception>
    public static SearchPlan Create(
        IReadOnlyList<SearchDimension> dimensions, int? trials, int? gridPoints, int? refinements, int? halving, ulong seed)
    {
        if (dimensions.Count == 0)
        {
            throw new InvalidInputException("There is nothing to search: give at least one option a range, for example --lr log:1e-4..1.");
        }

        var ordered = dimensions.OrderBy(dimension => dimension.Name, StringComparer.Ordinal).ToList();
        gridPoints ??= ordered.TrueForAll(dimension => dimension.Scale == SearchScale.List) ? 1 : null;
        var plan = new SearchPlan(ordered)
        {
            GridPoints = gridPoints,
            Refinements = refinements ?? (gridPoints is null ? 1 : 0),
            Halving = halving,
            Seed = seed,
        };
        if (gridPoints is null)
        {
            return plan with { Trials = trials ?? DefaultTrials };
        }

        var points = plan.CountGrid(ordered);
        return trials > points ? throw new InvalidInputException($"There are only {points} combinations to try, but --trials is {trials}. Give at most as many, or wider ranges.")
            : trials is null && points > MaximumTrials ? throw new InvalidInputException($"The grid has {points:N0} points. Say with --trials how many of them to try.")
            : plan with { Trials = trials ?? (int)points };
    }

    /// <summary>The trials of a round.</summary>
    /// <param name="round">From 0 to <see cref="Refinements"/>.</param>
    /// <param name="dimensions">What it searches: <see cref="Dimensions"/>, or those narrowed.</param>
    /// <param name="firstNumber">The number of its first trial.</param>
    public IReadOnlyList<Trial> Draw(int round, IReadOnlyList<SearchDimension> dimensions, int firstNumber)
    {
        if (GridPoints is not null)
        {
            return DrawGrid(round, dimensions, firstNumber);
        }

        var ofEachRefinement = Refinements == 0 ? 0 : Trials / RefiningShare / Refinements;
        var count = round == 0 ? Trials - (Refinements * ofEachRefinement) : ofEachRefinement;
        return [.. Enumerable.Range(firstNumber, count).Select(number => new Trial(
            number, round, [.. dimensions.Select((dimension, place) => dimension.Draw(new RandomStream(Seed, RandomPurpose.Search, place, round, number)))]))];
    }

    private List<Trial> DrawGrid(int round, IReadOnlyList<SearchDimension> dimensions, int firstNumber)
    {
        var grids = dimensions.Select(dimension => dimension.Grid(GridPoints!.Value)).ToList();
        var points = CountGrid(dimensions);
        return [.. Chosen(round, points).Select((point, i) => new Trial(firstNumber + i, round, ValuesAt(point)))];

        // The last dimension changes from point to point.
        string[] ValuesAt(long point)
        {
            var values = new string[grids.Count];
            for (var place = grids.Count - 1; place >= 0; place--)
            {
                (point, var value) = Math.DivRem(point, grids[place].Count);
                values[place] = grids[place][(int)value];
            }

            return values;
        }
    }

    /// <summary>The numbers of the points to try, ascending.</summary>
    private IEnumerable<int> Chosen(int round, long points)
    {
        if (Trials >= points)
        {
            return Enumerable.Range(0, (int)points);
        }

        if (points > Array.MaxLength)
        {
            throw new InvalidInputException($"The grid has {points:N0} points: too many to choose from. Take fewer points per range.");
        }

        var order = new int[points];
        Sampler.Permutation(new RandomStream(Seed, RandomPurpose.Search, RandomStream.LayerLimit - 1, round), order);
        return order.Take(Trials).Order();
    }

    private long CountGrid(IReadOnlyList<SearchDimension> dimensions)
    {
        var points = 1d;
        foreach (var dimension in dimensions)
        {
            points *= dimension.Grid(GridPoints!.Value).Count;
        }

        return points < long.MaxValue ? (long)points : long.MaxValue;
    }
}
