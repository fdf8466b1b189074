using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Experiments;
using DistTrain.Cli.Options;
using DistTrain.Cli.Plots;
using DistTrain.Core;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Verbs;

/// <summary><c>experiment</c>: the book's experiments, each with a table, a CSV, a picture, and a judgement whether its effect appears.</summary>
public sealed partial class ExperimentVerb : Verb
{
    private const string List = "list";
    private static readonly Setting<bool> Quick = Options.Settings.Flag("--quick", "A small setting that takes seconds, on synthetic digits unless --dataset names others.");

    private static readonly Setting<string> Out = Options.Settings.Text(
        "--out", "DIR", "Directory of the CSV and the PNG; files of an earlier call are replaced. Default ./experiments/NAME.");

    /// <inheritdoc/>
    public override string Name => "experiment";

    /// <inheritdoc/>
    public override string Help => "One of the book's experiments: a table, a CSV, a picture, and whether the effect appears. 'experiment list' names them.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("experiment optimizers", "SGD, momentum, AdaGrad and Adam beside each other")];

    /// <inheritdoc/>
    public override string ArgumentName => "NAME";

    /// <inheritdoc/>
    public override string ArgumentHelp => "Which one; list names them.";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        CommonOptions.Workers, CommonOptions.Threads, CommonOptions.Seed, CommonOptions.Data, CommonOptions.Dataset, Quick, Out, CommonOptions.Json,
    ];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var json = values.Get(CommonOptions.Json, false);
        if (call.Argument == List)
        {
            ListAll(surroundings.Output, json);
            return ExitCode.Done;
        }

        var experiment = ExperimentCatalog.Get(call.Argument);
        var directory = surroundings.Resolve(values.FindText(Out) ?? Path.Combine("experiments", experiment.Name));
        var isQuick = values.Get(Quick, false);
        var name = RunRequest.FindDatasetName(values, surroundings) ?? (isQuick ? DatasetCatalog.Synthetic.Name : null);
        var path = values.FindText(CommonOptions.Data) is { } data ? surroundings.Resolve(data) : null;
        CreateDirectory(directory);
        var loaded = await surroundings.Load(name, path, call.Stop.Token).ConfigureAwait(false);
        if (loaded.Dataset.Train.ElementKind != ElementKind.Byte)
        {
            throw new InvalidInputException($"The experiments are about images, and the samples of {loaded.Dataset.Name} are numbers. Choose another --dataset.");
        }

        if (!json)
        {
            surroundings.Output.WriteLine($"{experiment.Description}\nTo see: {experiment.WhatToSee}\n{loaded.Origin}");
        }

        var context = new ExperimentContext(call, loaded.Dataset, isQuick, line => (json ? surroundings.Error : surroundings.Output).WriteLine(line));
        var result = await experiment.RunAsync(context).ConfigureAwait(false);
        var (csv, png) = (Path.Combine(directory, experiment.Name + ".csv"), Path.Combine(directory, experiment.Name + ".png"));
        await File.WriteAllTextAsync(csv, result.Data.ToCsv(), call.Stop.Token).ConfigureAwait(false);
        await File.WriteAllBytesAsync(png, FigureRenderer.ToPng(result.Figure), call.Stop.Token).ConfigureAwait(false);
        surroundings.Output.WriteLine(json
            ? JsonSerializer.Serialize(ExperimentLine.Of(experiment, result, loaded.Dataset.Name, csv, png), ExperimentJson.Readable.ExperimentLine)
            : Describe(result, csv, png));
        return ExitCode.Done;
    }

    private static void ListAll(TextWriter output, bool json)
    {
        var width = ExperimentCatalog.All.Max(experiment => experiment.Name.Length);
        foreach (var experiment in ExperimentCatalog.All)
        {
            output.WriteLine(json
                ? JsonSerializer.Serialize(new ListedLine("experiment", experiment.Name, experiment.Description, experiment.WhatToSee), ExperimentJson.Readable.ListedLine)
                : $"{experiment.Name.PadRight(width)}  {experiment.Description}");
        }
    }

    private static void CreateDirectory(string directory)
    {
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"--out {directory} cannot be made: {e.Message}", e);
        }
    }

    private static string Describe(ExperimentResult result, string csv, string png) =>
        $"""

        {result.Summary.ToText()}

        seen: {(result.Judgement.IsSeen ? "yes" : "no")}, because {result.Judgement.Because}.
        {csv}
        {png}
        """;

    /// <summary>An experiment's result as a line of JSON.</summary>
    internal sealed record ExperimentLine(
        string Event, string Name, string WhatToSee, string Dataset, bool Seen, string Because, IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows, string Csv, string Png)
    {
        public static ExperimentLine Of(Experiment experiment, ExperimentResult result, string dataset, string csv, string png) => new(
            "experiment", experiment.Name, experiment.WhatToSee, dataset, result.Judgement.IsSeen, result.Judgement.Because, result.Summary.Columns,
            result.Summary.Rows, csv, png);
    }

    /// <summary>An experiment that there is.</summary>
    internal sealed record ListedLine(string Event, string Name, string Description, string WhatToSee);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(ExperimentLine))]
    [JsonSerializable(typeof(ListedLine))]
    internal sealed partial class ExperimentJson : JsonSerializerContext
    {
        /// <summary>With its signs as they are: the lines never become part of a web page.</summary>
        public static ExperimentJson Readable { get; } = new(new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }
}
