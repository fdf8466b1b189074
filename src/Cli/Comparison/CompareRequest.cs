using System.Globalization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Core;

namespace DistTrain.Cli.Comparison;

/// <summary>How far to look for the batch size from which distribution pays.</summary>
public enum BreakEvenSearch
{
    /// <summary>Not at all.</summary>
    Off,

    /// <summary>Measure other batch sizes and predict.</summary>
    Predict,

    /// <summary>And measure at the predicted one.</summary>
    Measure,
}

/// <summary>A comparison as the options ask for it.</summary>
public sealed record CompareRequest
{
    /// <summary>Runs of each when nobody says otherwise: with fewer there is no spread.</summary>
    public const int DefaultRepeats = 3;

    /// <summary>More than this is a mistake.</summary>
    public const int MostRepeats = 100;

    private static readonly int[] DefaultCounts = [0, 1, 2];

    private static readonly Dictionary<string, BreakEvenSearch> Searches = new()
    {
        ["off"] = BreakEvenSearch.Off,
        ["predict"] = BreakEvenSearch.Predict,
        ["measure"] = BreakEvenSearch.Measure,
    };

    /// <summary>--repeats</summary>
    public static readonly Setting<int> Repeats = Options.Settings.Count(
        "--repeats", $"Runs of each, in turn, at least 1; medians count. Default {DefaultRepeats}.", 1, MostRepeats);

    /// <summary>--break-even</summary>
    public static readonly Setting<string> BreakEven = Options.Settings.Name(
        "--break-even", "The batch size from which it pays: measure (predict it from other batch sizes, and measure there), predict, off. Default measure.", Searches.Keys);

    /// <summary>The options of <c>compare</c>.</summary>
    public static readonly IReadOnlyList<Setting> Settings =
    [
        .. CommonOptions.OfRun, CommonOptions.WorkerCounts, CommonOptions.Threads, CommonOptions.Transport, Repeats, BreakEven, CommonOptions.Out, CommonOptions.Config,
        CommonOptions.StartTimeout, CommonOptions.Json,
    ];

    /// <summary>Everybody, the single processes first.</summary>
    public required IReadOnlyList<Contender> Contenders { get; init; }

    /// <summary>Runs of each.</summary>
    public required int RepeatCount { get; init; }

    /// <summary>Samples per step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>How far to look for the break-even.</summary>
    public required BreakEvenSearch Search { get; init; }

    /// <summary>Whether the command line says how long the runs are; else they are as short as tells enough.</summary>
    public required bool HasLength { get; init; }

    /// <summary>Cores of this machine.</summary>
    public required int Cores { get; init; }

    /// <summary>What the command line says of the training, but for what each run says itself.</summary>
    public required IReadOnlyList<string> Training { get; init; }

    /// <summary>What the command line says of how tensors travel; empty if nothing. For those with workers.</summary>
    public required IReadOnlyList<string> Transport { get; init; }

    /// <summary>What the command line says of its length; empty if nothing.</summary>
    public required IReadOnlyList<string> Length { get; init; }

    /// <summary>Reads and checks the options. What can be refused without the data is refused here, before the first run starts.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used.</exception>
    public static CompareRequest From(SettingValues values, Surroundings surroundings)
    {
        var counts = values.Get(CommonOptions.WorkerCounts, DefaultCounts);
        if (counts.Distinct().Count() < counts.Count)
        {
            throw new InvalidInputException($"{values.Place(CommonOptions.WorkerCounts)} names a worker count twice; each is compared once.");
        }

        var run = RunRequest.From(values, surroundings);
        var threads = values.Find(CommonOptions.Threads);
        values.Find(CommonOptions.StartTimeout);
        var hasLength = values.Origin(CommonOptions.Steps) == SettingOrigin.CommandLine || values.Origin(CommonOptions.Epochs) == SettingOrigin.CommandLine;
        var evaluatesAsToldTo = hasLength || values.Origin(CommonOptions.EvaluateEvery) == SettingOrigin.CommandLine;
        return new CompareRequest
        {
            Contenders = ContenderRules.Of(counts, count => threads ?? TrainVerb.DefaultThreads(count, surroundings.Cores), surroundings.Cores),
            RepeatCount = values.Get(Repeats, DefaultRepeats),
            BatchSize = run.BatchSize,
            Search = Searches[values.Get(BreakEven, "measure")],
            HasLength = hasLength,
            Cores = surroundings.Cores,
            Training =
            [
                .. values.CommandLine(without:
                [
                    CommonOptions.WorkerCounts, CommonOptions.Threads, CommonOptions.Transport, Repeats, BreakEven, CommonOptions.Out, CommonOptions.Json, CommonOptions.BatchSize,
                    CommonOptions.Steps, CommonOptions.Epochs,
                ]),
                .. evaluatesAsToldTo ? (string[])[] : [CommonOptions.EvaluateEvery.Name, "end"],
            ],
            Transport = [.. Given(values, CommonOptions.Transport)],
            Length = [.. Given(values, CommonOptions.Steps), .. Given(values, CommonOptions.Epochs)],
        };
    }

    /// <summary>The command line of one run.</summary>
    /// <param name="contender">Who computes.</param>
    /// <param name="batchSize">Samples per step.</param>
    /// <param name="steps">How many; null for as long as the command line says.</param>
    /// <param name="directory">The run directory.</param>
    public IReadOnlyList<string> Arguments(Contender contender, int batchSize, long? steps, string directory) =>
    [
        "train", .. Training, .. contender.IsDistributed ? Transport : [],
        .. steps is { } count ? [CommonOptions.Steps.Name, Text(count)] : Length,
        CommonOptions.BatchSize.Name, Text(batchSize),
        CommonOptions.Workers.Name, Text(contender.Workers),
        CommonOptions.Threads.Name, Text(contender.Threads),
        CommonOptions.Out.Name, directory,
        CommonOptions.Report.Name, "off",
        .. contender.IsDistributed ? (string[])[CommonOptions.Dashboard.Name, "off"] : [],
        CommonOptions.Json.Name,
    ];

    private static IEnumerable<string> Given(SettingValues values, Setting setting) =>
        values.Origin(setting) == SettingOrigin.CommandLine ? [setting.Name, values.Text(setting)!] : [];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
