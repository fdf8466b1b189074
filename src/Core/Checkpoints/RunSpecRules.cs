using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>Which run may go on from which checkpoint, and how two runs differ.</summary>
public static class RunSpecRules
{
    private const string InCheckpoint = "in the checkpoint";
    private const string AskedFor = "asked for";

    /// <summary>The length may grow, and when to evaluate may change: both move no bit of what was computed.</summary>
    private static readonly string[] ChangeNoBits = ["epochs", "steps", "evaluateEvery"];

    /// <summary>Every field that differs, for example <c>optimizer.learningRate: 0.1 in the checkpoint, 0.2 asked for</c>, in the order of run.json.</summary>
    /// <param name="checkpoint">The run that the checkpoint is of.</param>
    /// <param name="asked">The run asked for.</param>
    public static IReadOnlyList<string> Difference(RunSpec checkpoint, RunSpec asked) => Difference(checkpoint, asked, InCheckpoint, AskedFor);

    /// <summary>Every field that differs, in the order of run.json, for example <c>seed: 7 in A, 8 in B</c>.</summary>
    /// <param name="first">A run.</param>
    /// <param name="second">Another one.</param>
    /// <param name="inFirst">What stands behind the first one's values: <c>in A</c>.</param>
    /// <param name="inSecond">What stands behind the second one's.</param>
    public static IReadOnlyList<string> Difference(RunSpec first, RunSpec second, string inFirst, string inSecond) =>
        [.. Fields(first, second, inFirst, inSecond).Select(field => field.Text)];

    /// <summary>
    /// Whether two runs are the same but for their length and when they evaluate, and their schedule does not depend on that: then their bits are equal as far as both go.
    /// </summary>
    public static bool AreEqualButForLength(RunSpec first, RunSpec second) => ThatChangeBits(first, second).Count == 0 && !RatesDiffer(first, second);

    /// <summary>
    /// Whether a run may go on from a checkpoint: its epochs or steps may grow (and one be given instead of the other), it may evaluate at
    /// other times, everything else is equal.
    /// They may not where a schedule runs over all of them: the steps already done were of another one.
    /// </summary>
    /// <param name="checkpoint">The run that the checkpoint is of.</param>
    /// <param name="asked">The run asked for.</param>
    /// <param name="stepsDone">The steps behind the checkpoint.</param>
    /// <param name="reasons">Why not, one field each; empty if it may.</param>
    public static bool CanContinue(RunSpec checkpoint, RunSpec asked, long stepsDone, out IReadOnlyList<string> reasons)
    {
        var found = ThatChangeBits(checkpoint, asked);
        if (found.Count == 0 && asked.TotalSteps < Math.Max(checkpoint.TotalSteps, stepsDone))
        {
            found.Add(asked.TotalSteps < stepsDone
                ? $"steps: {stepsDone} are done in the checkpoint, {asked.TotalSteps} asked for in all"
                : $"steps: {checkpoint.TotalSteps} in the checkpoint, {asked.TotalSteps} asked for; they may only grow");
        }

        if (found.Count == 0 && RatesDiffer(checkpoint, asked))
        {
            found.Add(
                $"steps: {checkpoint.TotalSteps} in the checkpoint, {asked.TotalSteps} asked for, but its cosine schedule runs over the whole run: "
                + "other steps are another schedule from the first one on. A run that may grow says its schedule's length (--decay-steps) when it begins");
        }

        reasons = found;
        return found.Count == 0;
    }

    private static bool RatesDiffer(RunSpec first, RunSpec second) =>
        first.Optimizer.Schedule is { FollowsTotalSteps: true } && first.TotalSteps != second.TotalSteps;

    /// <summary>The differing fields that change bits.</summary>
    private static List<string> ThatChangeBits(RunSpec checkpoint, RunSpec asked) =>
        [.. Fields(checkpoint, asked, InCheckpoint, AskedFor).Where(field => !ChangeNoBits.Contains(field.Path)).Select(field => field.Text)];

    private static List<(string Path, string Text)> Fields(RunSpec first, RunSpec second, string inFirst, string inSecond)
    {
        var differences = new List<(string, string)>();
        Compare("", Node(first), Node(second));
        return differences;

        void Compare(string path, JsonNode? a, JsonNode? b)
        {
            if (a is JsonObject x && b is JsonObject y)
            {
                foreach (var name in x.Select(member => member.Key).Union(y.Select(member => member.Key), StringComparer.Ordinal))
                {
                    Compare(path == "" ? name : $"{path}.{name}", x[name], y[name]);
                }
            }
            else if (a is JsonArray these && b is JsonArray those)
            {
                for (var i = 0; i < Math.Max(these.Count, those.Count); i++)
                {
                    Compare($"{path}[{i}]", i < these.Count ? these[i] : null, i < those.Count ? those[i] : null);
                }
            }
            else if (!JsonNode.DeepEquals(a, b))
            {
                differences.Add((path, $"{path}: {Show(a)} {inFirst}, {Show(b)} {inSecond}"));
            }
        }

        static JsonNode? Node(RunSpec spec) => JsonSerializer.SerializeToNode(spec, SpecJson.Options);
    }

    private static string Show(JsonNode? node) => node switch
    {
        null => "nothing",
        JsonObject or JsonArray => node.ToJsonString(),
        _ => node.ToString(),
    };
}
