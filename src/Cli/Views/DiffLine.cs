using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Runs;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Views;

/// <summary>How two runs compare, for people and as a line of JSON.</summary>
/// <param name="Event"><c>diffed</c></param>
/// <param name="RunA">The first run's directory.</param>
/// <param name="RunB">The second one's.</param>
/// <param name="StepsA">The steps that the first has recorded.</param>
/// <param name="StepsB">The steps that the second has recorded.</param>
/// <param name="Fields">The fields of the specifications that differ.</param>
/// <param name="Outcome"><c>equal</c> or <c>differ</c>.</param>
/// <param name="EqualThrough">The last step before the difference after which both know the hash, and it is equal; null if there is none.</param>
/// <param name="Unknown">Steps compared, the initial parameters among them, whose hash is not known to both.</param>
/// <param name="FirstDifference">The first step after which the hashes differ, 0 for the initial parameters; null if none does.</param>
/// <param name="EqualAgainAt">The first step after it at which they are equal again: entries between were damaged, not the run.</param>
/// <param name="Layout">The first tensor by which the models differ.</param>
/// <param name="Recomputed">Both computed again up to the difference; null if there is none, or if that could not be done.</param>
/// <param name="Checkpoints">Where the difference is in neither computation: the first checkpoints since that both have; null if there are none.</param>
public sealed partial record DiffLine(
    string Event, string RunA, string RunB, long StepsA, long StepsB, IReadOnlyList<string> Fields, string Outcome, long? EqualThrough, long Unknown,
    long? FirstDifference, long? EqualAgainAt, string? Layout = null, Recomputation? Recomputed = null, CheckpointDiff? Checkpoints = null)
{
    /// <summary>What comparing the records alone tells.</summary>
    public static DiffLine Of(RecordedRun a, RecordedRun b)
    {
        var chains = ChainRules.Compare(a.Chain, b.Chain);
        return new DiffLine(
            "diffed", a.Directory, b.Directory, a.RecordedSteps, b.RecordedSteps, RunSpecRules.Difference(a.Spec, b.Spec, "in A", "in B"),
            chains.FirstDifference is null ? "equal" : "differ", chains.LastEqual, chains.UnknownCount, chains.FirstDifference, chains.EqualAgainAt);
    }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, DiffJson.Default.DiffLine);

    /// <summary>Some lines of text.</summary>
    public string ToText()
    {
        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"A  {RunA} ({StepsA} steps recorded)")
            .AppendLine(CultureInfo.InvariantCulture, $"B  {RunB} ({StepsB} steps recorded)");
        text.AppendLine(Fields.Count == 0 ? "The specifications are equal." : "The specifications differ:");
        foreach (var field in Fields)
        {
            text.Append("  ").AppendLine(field);
        }

        if (Unknown > 0)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"The hashes of {Unknown} steps are not known to both.");
        }

        if (FirstDifference is not { } step)
        {
            return text.Append(CultureInfo.InvariantCulture, $"equal through step {EqualThrough}").ToString();
        }

        text.AppendLine(EqualThrough is { } equal and > 0
            ? FormattableString.Invariant($"Equal through step {equal}; the parameters after step {step} are the first known to differ.")
            : EqualThrough is 0 ? FormattableString.Invariant($"The initial parameters are equal; those after step {step} are the first known to differ.")
            : step == 0 ? "The initial parameters differ." : FormattableString.Invariant($"The parameters after step {step} are the first known to differ."));
        Describe(text, step);
        return text.Append(CultureInfo.InvariantCulture, $"differ from step {step} on").ToString();
    }

    private void Describe(StringBuilder text, long step)
    {
        if (Layout is not null)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"The models have other layouts, so their tensors cannot be compared: {Layout}.");
        }

        if (Recomputed is { } both)
        {
            Describe(text, "A", both.A);
            Describe(text, "B", both.B);
            if (both.Tensors is { Count: 0 })
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"Computed again, both come to the same parameters after step {step}. {Blame(both, step)}");
            }
            else if (both.Tensors is { } tensors)
            {
                Describe(text, tensors);
            }
        }

        if (Checkpoints is { } checkpoints)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"The checkpoints after step {checkpoints.Step} {(checkpoints.Tensors.Count == 0 ? "hold the same parameters." : "differ.")}");
            Describe(text, checkpoints.Tensors);
        }
    }

    private static void Describe(StringBuilder text, string name, RecomputedRun run) => text.AppendLine(
        CultureInfo.InvariantCulture,
        $"{name} computed again, {run.StepsRecomputed} steps from {run.Checkpoint ?? "step 0"}: {(run.AgreesWithRecord ? "as it has recorded." : "NOT AS IT HAS RECORDED.")}");

    private static void Describe(StringBuilder text, IReadOnlyList<TensorDifference> tensors)
    {
        if (tensors.Count == 0)
        {
            return;
        }

        var first = tensors[0];
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"The first tensor that differs: {first.Element} is {first.ValueA:R} in A, {first.ValueB:R} in B.");
        foreach (var tensor in tensors)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"  {tensor.Tensor}: {tensor.DifferentCount} of {tensor.ElementCount} elements differ, by at most {tensor.LargestDistance:R}");
        }
    }

    /// <summary>Whose record is wrong, where both computations agree.</summary>
    private string Blame(Recomputation both, long step)
    {
        var wrong = (both.A.AgreesWithRecord, both.B.AgreesWithRecord) switch
        {
            (false, true) => "A's record is wrong",
            (true, false) => "B's record is wrong",
            (false, false) => "Both records are wrong",
            _ => null,
        };
        return wrong is null ? "The records differ in what lies before, where their hashes are not known."
            : EqualAgainAt is { } again ? FormattableString.Invariant(
                $"{wrong}, in {RunJournal.ChainName} at byte {step * HashChain.SizeBytes}; after step {again} both are equal again, so that file was damaged, not the run.")
            : $"{wrong}: what it trained with there came from faulty hardware or from a worker that lied.";
    }

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
    [JsonSerializable(typeof(DiffLine))]
    internal sealed partial class DiffJson : JsonSerializerContext;
}
