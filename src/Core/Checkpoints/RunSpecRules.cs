using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>Which run may go on from which checkpoint.</summary>
public static class RunSpecRules
{
    private static readonly string[] MayGrow = ["epochs", "steps"];

    /// <summary>Every field that differs, for example <c>optimizer.learningRate: 0.1 in the checkpoint, 0.2 asked for</c>, in the order of run.json.</summary>
    /// <param name="checkpoint">The run that the checkpoint is of.</param>
    /// <param name="asked">The run asked for.</param>
    public static IReadOnlyList<string> Difference(RunSpec checkpoint, RunSpec asked) => [.. Fields(checkpoint, asked).Select(field => field.Text)];

    /// <summary>
    /// Whether a run may go on from a checkpoint: its epochs or steps may grow (and one be given instead of the other), everything else is equal.
    /// </summary>
    /// <param name="checkpoint">The run that the checkpoint is of.</param>
    /// <param name="asked">The run asked for.</param>
    /// <param name="stepsDone">The steps behind the checkpoint.</param>
    /// <param name="reasons">Why not, one field each; empty if it may.</param>
    public static bool CanContinue(RunSpec checkpoint, RunSpec asked, long stepsDone, out IReadOnlyList<string> reasons)
    {
        var found = Fields(checkpoint, asked).Where(field => !MayGrow.Contains(field.Path)).Select(field => field.Text).ToList();
        if (found.Count == 0 && asked.TotalSteps < Math.Max(checkpoint.TotalSteps, stepsDone))
        {
            found.Add(asked.TotalSteps < stepsDone
                ? $"steps: {stepsDone} are done in the checkpoint, {asked.TotalSteps} asked for in all"
                : $"steps: {checkpoint.TotalSteps} in the checkpoint, {asked.TotalSteps} asked for; they may only grow");
        }

        reasons = found;
        return found.Count == 0;
    }

    private static List<(string Path, string Text)> Fields(RunSpec checkpoint, RunSpec asked)
    {
        var differences = new List<(string, string)>();
        Compare("", Node(checkpoint), Node(asked), differences);
        return differences;

        static JsonNode? Node(RunSpec spec) => JsonSerializer.SerializeToNode(spec, SpecJson.Options);
    }

    private static void Compare(string path, JsonNode? checkpoint, JsonNode? asked, List<(string Path, string Text)> differences)
    {
        if (checkpoint is JsonObject x && asked is JsonObject y)
        {
            foreach (var name in x.Select(member => member.Key).Union(y.Select(member => member.Key), StringComparer.Ordinal))
            {
                Compare(path == "" ? name : $"{path}.{name}", x[name], y[name], differences);
            }
        }
        else if (checkpoint is JsonArray first && asked is JsonArray second)
        {
            for (var i = 0; i < Math.Max(first.Count, second.Count); i++)
            {
                Compare($"{path}[{i}]", i < first.Count ? first[i] : null, i < second.Count ? second[i] : null, differences);
            }
        }
        else if (!JsonNode.DeepEquals(checkpoint, asked))
        {
            differences.Add((path, $"{path}: {Show(checkpoint)} in the checkpoint, {Show(asked)} asked for"));
        }
    }

    private static string Show(JsonNode? node) => node switch
    {
        null => "nothing",
        JsonObject or JsonArray => node.ToJsonString(),
        _ => node.ToString(),
    };
}
