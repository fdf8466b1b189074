using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Web;
using DistTrain.Core;

namespace DistTrain.Cli.Verbs;

/// <summary><c>report RUN</c>: a page about a run, in one file; <c>report RUN RUN…</c>: one that compares them.</summary>
public sealed partial class ReportVerb : Verb
{
    private const string DefaultFile = "report.html";

    /// <inheritdoc/>
    public override string Name => "report";

    /// <inheritdoc/>
    public override string Help => "A page about a run, or comparing several, in one file that opens offline. (A run that ends writes its own.)";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("report runs/mine", "of one run, into its directory"),
        new("report runs/mine runs/other --file compared.html", "of two runs beside each other"),
    ];

    /// <inheritdoc/>
    public override string? ArgumentName => "RUN";

    /// <inheritdoc/>
    public override string ArgumentHelp => "Run directories: one to be reported, several to be compared.";

    /// <inheritdoc/>
    public override bool ArgumentMayRepeat => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.ReportFile, CommonOptions.Data, CommonOptions.Json];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var paths = call.Arguments.Select(surroundings.Resolve).Distinct().ToList();
        var directories = paths.Select(RunDirectory.Open).ToList();
        var runs = new List<IReadOnlyList<string>>();
        foreach (var directory in directories)
        {
            runs.Add(RunReport.Of(directory, directories.Count == 1 ? await LookAsync(directory, call).ConfigureAwait(false) : [], call.Stop.Token));
        }

        var file = values.FindText(CommonOptions.ReportFile) is { } given ? surroundings.Resolve(given)
            : directories.Count == 1 ? directories[0].ReportPath
            : surroundings.Resolve(DefaultFile);
        call.Stop.Token.ThrowIfCancellationRequested();
        try
        {
            RunReport.Write(file, [.. runs]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The report {file} cannot be written: {e.Message} --file names another one.", e);
        }

        surroundings.Output.WriteLine(values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(new ReportLine("reported", file, paths), ReportJson.Default.ReportLine)
            : $"report of {string.Join(", ", paths)}: {file}");
        return ExitCode.Done;
    }

    /// <summary>What its network makes of the test samples; without its data or parameters the report does without.</summary>
    private static async Task<IReadOnlyList<RunEvent>> LookAsync(RunDirectory directory, VerbCall call)
    {
        if (!RunDirectory.HoldsRun(directory.FullPath))
        {
            return [];
        }

        List<RunEvent> looks = SpecificationOf(directory, call) is { } specification ? [specification] : [];
        try
        {
            using var run = await InspectedRun.LoadAsync(directory.FullPath, call.Values, call.Surroundings, call.Stop.Token).ConfigureAwait(false);
            looks.Add(TestLook.Of(run.Spec, run.Parameters, run.StepsDone, run.Dataset.Test, call.Stop.Token));
            return FilterLook.Of(run.Parameters) is { } filters ? [.. looks, filters] : looks;
        }
        catch (InvalidInputException e)
        {
            call.Surroundings.Tell($"The report has no predictions: {e.Message}");
            return looks;
        }
    }

    /// <summary>Without its file the report does without.</summary>
    private static Specification? SpecificationOf(RunDirectory directory, VerbCall call)
    {
        try
        {
            var workers = directory.ReadMetrics().OfType<Started>().LastOrDefault()?.Workers ?? 0;
            return Specification.Of(directory.ReadRun(), directory, workers);
        }
        catch (InvalidInputException e)
        {
            call.Surroundings.Tell($"The report has no specification: {e.Message}");
            return null;
        }
    }

    /// <summary>The result as a line of JSON.</summary>
    internal sealed record ReportLine(string Event, string File, IReadOnlyList<string> Runs);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(ReportLine))]
    internal sealed partial class ReportJson : JsonSerializerContext;
}
