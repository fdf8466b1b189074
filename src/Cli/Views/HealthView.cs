using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Runs;
using DistTrain.Core.Health;

namespace DistTrain.Cli.Views;

/// <summary>What is wrong with a run, a line each, and as JSON.</summary>
internal static partial class HealthView
{
    /// <summary>For people.</summary>
    public static string Text(InspectedRun run, HealthEvidence evidence, IReadOnlyList<HealthFinding> findings)
    {
        var text = new StringBuilder().Append(
            CultureInfo.InvariantCulture,
            $"{run.Spec.Model.Name} on {run.Dataset.Name} after {run.StepsDone:N0} steps; looked at {evidence.SampleCount:N0} training and {run.Dataset.Test.Count:N0} test images");
        foreach (var finding in findings)
        {
            text.AppendLine().Append(
                CultureInfo.InvariantCulture,
                $"{Name(finding.Problem)}: {finding.Where}: {finding.What}. Usual cause: {finding.Cause}. Cure: {finding.Cure}.");
        }

        return findings.Count > 0 ? text.ToString() : text.AppendLine().Append("nothing found").ToString();
    }

    /// <summary>One object.</summary>
    public static string Json(InspectedRun run, HealthEvidence evidence, IReadOnlyList<HealthFinding> findings) => JsonSerializer.Serialize(
        new HealthLine(
            "health",
            run.Directory.FullPath,
            run.Spec.Model.Name,
            run.Dataset.Name,
            run.StepsDone,
            evidence.SampleCount,
            run.Dataset.Test.Count,
            RunEvent.Finite(evidence.InitialLoss),
            RunEvent.Finite(evidence.CurrentLoss),
            [
                .. evidence.Layers.Where(layer => layer.Activity.Count > 0)
                    .Select(layer => new ActivityLine(layer.Path, layer.Kind, layer.Activity.Count, HealthRules.InactiveUnits(layer).Count)),
            ],
            [.. findings.Select(finding => new FindingLine(Name(finding.Problem), finding.Where, finding.What, finding.Cause, finding.Cure))]),
        HealthJson.Default.HealthLine);

    private static string Name(HealthProblem problem) => JsonNamingPolicy.KebabCaseLower.ConvertName(problem.ToString());

    /// <summary>One mistake.</summary>
    internal sealed record FindingLine(string Problem, string Where, string What, string Cause, string Cure);

    /// <summary>A layer of relu, sigmoid or tanh, and how many of its units or channels are dead or saturated.</summary>
    internal sealed record ActivityLine(string Layer, string Kind, int Units, int Inactive);

    /// <summary>The run's state as a line of JSON.</summary>
    internal sealed record HealthLine(
        string Event, string Run, string Model, string Dataset, long Steps, int TrainSamples, int TestSamples, double? InitialLoss, double? Loss,
        IReadOnlyList<ActivityLine> Activations, IReadOnlyList<FindingLine> Findings);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(HealthLine))]
    internal sealed partial class HealthJson : JsonSerializerContext;
}
