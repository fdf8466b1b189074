using DistTrain.Core.Search;

namespace DistTrain.Cli.Options;

/// <summary>The options of <c>search</c> that <c>train</c> does not have, or understands in another way.</summary>
public static class SearchOptions
{
    /// <summary>What is held out when nothing says how much.</summary>
    public const double DefaultHoldout = 0.2;

    private const int MostGridPoints = 1000;
    private const int MostRefinements = 10;

    /// <summary>--trials</summary>
    public static readonly Setting<int> Trials = Settings.Count(
        "--trials", $"Trainings to try, in all rounds; of a grid in each round. At least 1. Default {SearchPlan.DefaultTrials}, or all points of a grid.", 1, SearchPlan.MaximumTrials);

    /// <summary>--grid</summary>
    public static readonly Setting<int> Grid = Settings.Count(
        "--grid", "Try a grid of N points per range instead of random values; a list has all of its values in it.", 1, MostGridPoints);

    /// <summary>--halving</summary>
    public static readonly Setting<int> Halving = Settings.Count(
        "--halving", "Successive halving: trials train for 1/N² and 1/N of their steps first, and each time only the best 1/N go on. At least 2. Default: all train to the end.", 2, SearchPlan.MaximumTrials);

    /// <summary>--refine</summary>
    public static readonly Setting<int> Refine = Settings.Count(
        "--refine", "Rounds after the first over narrower ranges around the best, which share half of the trials. Default 1, of a grid 0.", 0, MostRefinements);

    /// <summary>--workers of a search</summary>
    public static readonly Setting<int> Workers = Settings.Count(
        "--workers", "Processes that train one trial each at a time; 0 trains them one after the other in this process. The table is the same. Default 0.", 0, CommonOptions.MostWorkers);

    /// <summary>--out of a search</summary>
    public static readonly Setting<string> Out = Settings.Text(
        "--out", "DIR", "Directory of the search, new or empty; trials are runs in DIR/trials. Default ./runs/<UTC time>-search.");

    /// <summary>--resume of a search</summary>
    public static readonly Setting<string> Resume = Settings.Name(
        "--resume", "auto goes on with the search in --out, or begins it there; options left out are those it was begun with.", ["auto"]);

    /// <summary>What a search over other values would be another search by.</summary>
    public static readonly IReadOnlyList<Setting> OfSearch = [Trials, Grid, Halving, Refine];

    /// <summary>Options of a run that are the search's own, or the same for all trials.</summary>
    private static readonly Setting[] NotSearched =
    [
        CommonOptions.Dataset, CommonOptions.Data, CommonOptions.Holdout, CommonOptions.HoldoutSeed, CommonOptions.Epochs, CommonOptions.Steps,
        CommonOptions.EvaluateEvery, CommonOptions.Seed,
    ];

    /// <summary>The options of a run that may be ranges.</summary>
    public static IReadOnlyList<Setting> Searched { get; } = [.. CommonOptions.OfRun.Where(setting => !NotSearched.Contains(setting) && !setting.IsFlag)];

    /// <summary>Reads an option that is a range.</summary>
    /// <exception cref="Core.InvalidInputException">It cannot be searched, or not over these values.</exception>
    public static SearchDimension Read(Setting setting, string text, string place)
    {
        if (!Searched.Contains(setting))
        {
            throw new Core.InvalidInputException(
                $"{place} is '{text}', but cannot be searched. These can: {string.Join(", ", Searched.Select(known => known.Name))}.");
        }

        var isName = setting is Setting<string>;
        var dimension = SearchDimension.Parse(setting.Name, text, isWhole: setting is Setting<int> or Setting<long> or Setting<IReadOnlyList<int>>);
        if (isName && dimension.Scale != SearchScale.List)
        {
            throw new Core.InvalidInputException($"{place} is '{text}', but its values are no numbers: search it with list:A,B.");
        }

        // The ends of a range are the first and the last of its points.
        foreach (var value in dimension.Grid(2))
        {
            setting.Check(value, $"A value of {place} {text}");
        }

        return dimension;
    }
}
