using System.Globalization;
using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Search;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Search;

/// <summary>The search that the options ask for, and what each of its trials is on a command line.</summary>
public sealed class SearchRequest
{
    private readonly SettingValues _values;
    private readonly Surroundings _surroundings;
    private readonly IReadOnlyList<Setting> _searched;
    private readonly HoldoutSpec _holdout;
    private readonly ulong _seed;

    private SearchRequest(SettingValues values, Surroundings surroundings)
    {
        (_values, _surroundings) = (values, surroundings);
        foreach (var setting in CommonOptions.OfRun.Except(SearchOptions.Searched))
        {
            if (values.Text(setting) is { } text && SearchDimension.IsRange(text))
            {
                SearchOptions.Read(setting, text, values.Place(setting));
            }
        }

        // "1..2" without a scale is a wrong value, not a missing range.
        foreach (var setting in SearchOptions.Searched)
        {
            if (values.Text(setting) is { } text && !SearchDimension.IsRange(text))
            {
                setting.Check(text, values.Place(setting));
            }
        }

        var dimensions = SearchOptions.Searched
            .Where(setting => values.Text(setting) is { } text && SearchDimension.IsRange(text))
            .Select(setting => (setting, dimension: SearchOptions.Read(setting, values.Text(setting)!, values.Place(setting))))
            .ToList();
        _seed = values.Get(CommonOptions.Seed, CommonOptions.DefaultSeed);
        _holdout = new HoldoutSpec(
            values.Get(CommonOptions.Holdout, SearchOptions.DefaultHoldout), values.Get(CommonOptions.HoldoutSeed, _seed));
        Plan = SearchPlan.Create(
            [.. dimensions.Select(pair => pair.dimension)],
            values.Find(SearchOptions.Trials),
            values.Find(SearchOptions.Grid),
            values.Find(SearchOptions.Refine),
            values.Find(SearchOptions.Halving),
            _seed);
        _searched = [.. Plan.Dimensions.Select(dimension => dimensions.Find(pair => pair.dimension == dimension).setting)];
    }

    /// <summary>What a trial's command line says in another way than the search's.</summary>
    private static readonly Setting[] OfItsOwn =
    [
        CommonOptions.Dataset, CommonOptions.Epochs, CommonOptions.Steps, CommonOptions.EvaluateEvery, CommonOptions.Holdout, CommonOptions.HoldoutSeed,
    ];

    /// <summary>What is searched and how.</summary>
    public SearchPlan Plan { get; }

    /// <summary>What trials are scored on.</summary>
    public HoldoutSpec Holdout => _holdout;

    /// <summary>The names of the dimensions as JSON and CSV have them: <c>lr</c>, <c>weightDecay</c>.</summary>
    public IReadOnlyList<string> Keys => [.. _searched.Select(setting => setting.Key)];

    /// <summary>Every option that makes it this search, as it was given, by key.</summary>
    public IReadOnlyDictionary<string, string> Given => new SortedDictionary<string, string>(
        Identity.Where(_values.Has).ToDictionary(setting => setting.Key, setting => _values.Text(setting)!), StringComparer.Ordinal);

    /// <summary>The options that make a search what it is; where its data lies does not.</summary>
    public static IEnumerable<Setting> Identity => CommonOptions.OfRun.Concat(SearchOptions.OfSearch).Where(setting => setting != CommonOptions.Data);

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used, or two contradict each other.</exception>
    public static SearchRequest From(SettingValues values, Surroundings surroundings)
    {
        var request = new SearchRequest(values, surroundings);
        // What can be refused without the data is refused here.
        foreach (var trial in request.Plan.Draw(0, request.Plan.Dimensions, 1))
        {
            request.Of(trial);
        }

        return request;
    }

    /// <summary>The run that a trial is; without its data.</summary>
    /// <exception cref="InvalidInputException">Its values cannot be used together.</exception>
    public RunRequest Of(Trial trial) => Naming(trial, () => RunRequest.From(_values.With([.. Values(trial), .. OfHoldout]), _surroundings));

    /// <summary>The trial's run on its data, the dataset already split.</summary>
    /// <exception cref="InvalidInputException">Model and data do not fit.</exception>
    public RunSpec Of(Trial trial, Dataset split)
    {
        var request = Of(trial);
        return Naming(trial, () => request.ToSpec(split));
    }

    /// <summary>A trial's values for people: <c>--lr 0.01 --hidden 50</c>.</summary>
    public string Describe(Trial trial) => string.Join(' ', Values(trial).Select(value => $"{value.Setting.Name} {value.Text}"));

    /// <summary>The command line of a trial's training up to some steps.</summary>
    /// <param name="run">The trial and its steps.</param>
    /// <param name="dataset">The dataset's name: that of a search that names none may depend on the network.</param>
    /// <param name="directory">Where it is kept.</param>
    /// <param name="threads">To compute with.</param>
    public IReadOnlyList<string> Command(TrialRun run, string dataset, string directory, int threads) =>
    [
        "train",
        .. Options(run.Trial, without: OfItsOwn),
        CommonOptions.Dataset.Name, dataset,
        .. LengthOfSchedule(run),
        .. OfHoldout.SelectMany(value => new[] { value.Setting.Name, value.Text }),
        CommonOptions.Steps.Name, run.Steps.ToString(CultureInfo.InvariantCulture),
        CommonOptions.EvaluateEvery.Name, _values.Text(CommonOptions.EvaluateEvery) ?? "end",
        CommonOptions.Workers.Name, "0",
        CommonOptions.Threads.Name, threads.ToString(CultureInfo.InvariantCulture),
        CommonOptions.Out.Name, directory,
        CommonOptions.Resume.Name, "auto",
        CommonOptions.KeepCheckpoints.Name, "1",
        CommonOptions.Report.Name, "off",
        .. _values.Text(CommonOptions.CheckpointEvery) is { } every ? (string[])[CommonOptions.CheckpointEvery.Name, every] : [],
        CommonOptions.Json.Name,
    ];

    /// <summary>The command that trains a trial's network on the full training set.</summary>
    public string CommandOnAll(Trial trial) => string.Join(' ', ((IEnumerable<string>)
    [
        "disttrain", "train", .. Options(trial, without: [CommonOptions.Holdout, CommonOptions.HoldoutSeed]),
    ]).Select(Quoted));

    private IEnumerable<string> Options(Trial trial, IReadOnlyCollection<Setting> without)
    {
        var values = _values.With(Values(trial));
        return CommonOptions.OfRun.Where(setting => values.Has(setting) && !without.Contains(setting)).SelectMany(setting =>
            setting is not Setting<bool> flag ? [setting.Name, values.Text(setting)!]
            : values.Get(flag, false) ? (string[])[setting.Name]
            : []);
    }

    private (Setting Setting, string Text)[] OfHoldout =>
    [
        (CommonOptions.Holdout, _holdout.Fraction.ToString("R", CultureInfo.InvariantCulture)),
        (CommonOptions.HoldoutSeed, _holdout.Seed.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>A cosine over the whole training: on each rung it is that of the last one.</summary>
    private IEnumerable<string> LengthOfSchedule(TrialRun run) =>
        run.Rungs > 1 && Of(run.Trial).Optimizer.Schedule is { Kind: ScheduleKind.Cosine, DecaySteps: null } schedule
            ? [LearningOptions.DecaySteps.Name, (run.TotalSteps - (schedule.WarmupSteps ?? 0)).ToString(CultureInfo.InvariantCulture)]
            : [];

    private T Naming<T>(Trial trial, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"Trial {trial.Number} ({Describe(trial)}): {e.Message}", e);
        }
    }

    private IEnumerable<(Setting Setting, string Text)> Values(Trial trial) => _searched.Zip(trial.Values);

    private static string Quoted(string argument) =>
        argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./,:=+@%".Contains(c, StringComparison.Ordinal)) && argument.Length > 0
            ? argument
            : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
