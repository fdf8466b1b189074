using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Doctor;
using DistTrain.Cli.Options;
using DistTrain.Core;

namespace DistTrain.Cli.Verbs;

/// <summary><c>doctor</c>: what a run would find here, and where each of its options comes from.</summary>
public sealed partial class DoctorVerb : Verb
{
    private static readonly IReadOnlyList<Setting> OfTraining = new TrainVerb().Settings;

    /// <inheritdoc/>
    public override string Name => "doctor";

    /// <inheritdoc/>
    public override string Help => "Look whether a run would find all it needs here, and where each option's value comes from. Takes the options of 'train'.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("doctor", "this machine"),
        new("doctor --config run.json --workers 4", "what such a run would be made of"),
    ];

    /// <inheritdoc/>
    public override bool IsTask => true;

    /// <inheritdoc/>
    public override bool TellsProblems => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings => OfTraining;

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        var examination = new Examination(call.Values, call.Surroundings);
        var options = examination.Options(Settings);
        IReadOnlyList<Finding> findings = [.. examination.All().Concat(examination.Refused(Settings)).DistinctBy(finding => finding.Detail)];
        if (IsJson(call.Values))
        {
            call.Surroundings.Output.WriteLine(JsonSerializer.Serialize(new DoctorLine("doctor", findings, options), DoctorJson.Readable.DoctorLine));
        }
        else
        {
            Write(call.Surroundings.Output, findings, options);
        }

        return Task.FromResult(findings.Any(finding => finding.State == "problem") ? ExitCode.WrongUse : ExitCode.Done);
    }

    /// <summary>What cannot be read is one of the problems to tell of.</summary>
    private static bool IsJson(SettingValues values)
    {
        try
        {
            return values.Get(CommonOptions.Json, false);
        }
        catch (InvalidInputException)
        {
            return false;
        }
    }

    private static void Write(TextWriter output, IReadOnlyList<Finding> findings, IReadOnlyList<OptionOrigin> options)
    {
        foreach (var finding in findings)
        {
            output.WriteLine($"{finding.State,-8} {finding.Topic,-13}  {finding.Detail}");
        }

        output.WriteLine();
        var (name, value) = (options.Max(option => option.Option.Length), Math.Min(32, options.Max(option => option.Value.Length)));
        foreach (var option in options)
        {
            output.WriteLine($"{option.Option.PadRight(name)}  {option.Value.PadRight(value)}  {option.Origin}{(option.Place is { } place && place != option.Option ? $": {place}" : "")}");
        }
    }

    private sealed record DoctorLine(string Event, IReadOnlyList<Finding> Findings, IReadOnlyList<OptionOrigin> Options);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(DoctorLine))]
    private sealed partial class DoctorJson : JsonSerializerContext
    {
        /// <summary>With quotes and plus signs as they are, like the lines of a run.</summary>
        public static DoctorJson Readable { get; } = new(new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }
}
