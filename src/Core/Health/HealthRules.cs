using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Health;

/// <summary>Names the mistakes that readers make, from what can be seen of a run. Pure: it reads, counts and compares.</summary>
public static class HealthRules
{
    /// <summary>A sigmoid or tanh is saturated if its output is never further from a limit than this share of its range.</summary>
    public const float SaturatedShare = 0.01f;

    /// <summary>Predictions are constant if one class has more than this share of them, and no class so many images.</summary>
    public const double ConstantShare = 0.95;

    /// <summary>A loss has fallen if it is below this share of what it was.</summary>
    public const double FallenShare = 0.99;

    /// <summary>Of a layer's units, as many must be dead or saturated to be worth a line: one or two are usual, and cost little.</summary>
    public const double InactiveShare = 0.1;

    private const int MostUnitsNamed = 5;
    private const string WeightSuffix = "weight";
    private const string BiasSuffix = "bias";

    /// <summary>All findings, the gravest kinds first; none in a healthy run.</summary>
    public static IReadOnlyList<HealthFinding> Find(HealthEvidence evidence) =>
    [
        .. Failures(evidence),
        .. NotFinite(evidence),
        .. NeverMoved(evidence),
        .. EqualUnits(evidence.Current),
        .. InactiveUnits(evidence),
        .. ConstantPrediction(evidence),
        .. LossNeverFell(evidence),
    ];

    private static IEnumerable<HealthFinding> Failures(HealthEvidence evidence) =>
        evidence.Failure is { } reason ? [new HealthFinding(HealthProblem.RunFailed, "the run", reason.TrimEnd('.'))] : [];

    private static IEnumerable<HealthFinding> NotFinite(HealthEvidence evidence)
    {
        foreach (var slot in evidence.Current.Layout.Slots)
        {
            var count = 0;
            foreach (var value in evidence.Current.View(slot))
            {
                count += float.IsFinite(value) ? 0 : 1;
            }

            if (count > 0)
            {
                yield return new HealthFinding(HealthProblem.NotFinite, slot.Name, Invariant($"{count:N0} of its {slot.Length:N0} elements are NaN or infinite"));
            }
        }

        if (evidence.Layers.FirstOrDefault(layer => !layer.IsFinite) is { } layer)
        {
            yield return new HealthFinding(
                HealthProblem.NotFinite, layer.Name, Invariant($"is the first layer whose outputs on {evidence.SampleCount:N0} training images hold NaN or infinity"));
        }

        if (!double.IsFinite(evidence.CurrentLoss) || evidence.TrainingLosses.Contains(null))
        {
            yield return new HealthFinding(HealthProblem.NotFinite, "the loss", "is, or was on the way, NaN or infinite");
        }
    }

    /// <summary>Single elements may well stay: a pixel that is 0 in every image moves none of its weights. A whole unit or tensor should not.</summary>
    private static IEnumerable<HealthFinding> NeverMoved(HealthEvidence evidence) => evidence.StepsDone == 0
        ? []
        : evidence.Current.Layout.ParameterSlots.Select(slot => NeverMoved(evidence, slot)).OfType<HealthFinding>();

    private static HealthFinding? NeverMoved(HealthEvidence evidence, TensorSlot slot)
    {
        var before = Bits(evidence.Initial, slot);
        var now = Bits(evidence.Current, slot);
        var units = slot.Shape.Rank >= 2 ? UnmovedUnits(before, now, slot) : [];
        var what = before.SequenceEqual(now)
            ? Invariant($"none of its {slot.Length:N0} elements has moved in {evidence.StepsDone:N0} steps")
            : units.Count > 0
                ? Invariant($"{units.Count:N0} of its {slot.Shape[0]:N0} output units have not moved in {evidence.StepsDone:N0} steps{Named(units)}")
                : null;
        return what is null ? null : new HealthFinding(HealthProblem.NeverMoved, slot.Name, what);
    }

    private static List<int> UnmovedUnits(ReadOnlySpan<int> before, ReadOnlySpan<int> now, TensorSlot slot)
    {
        var size = slot.Length / slot.Shape[0];
        var units = new List<int>();
        for (var unit = 0; unit < slot.Shape[0]; unit++)
        {
            if (before.Slice(unit * size, size).SequenceEqual(now.Slice(unit * size, size)))
            {
                units.Add(unit);
            }
        }

        return units;
    }

    private static IEnumerable<HealthFinding> EqualUnits(ParameterSet parameters)
    {
        var slots = parameters.Layout.ParameterSlots.ToDictionary(slot => slot.Name, StringComparer.Ordinal);
        foreach (var slot in parameters.Layout.ParameterSlots.Where(slot => slot.Shape.Rank >= 2))
        {
            var bias = slot.Name.EndsWith(WeightSuffix, StringComparison.Ordinal)
                ? slots.GetValueOrDefault(slot.Name[..^WeightSuffix.Length] + BiasSuffix)
                : null;
            var groups = Enumerable.Range(0, slot.Shape[0]).GroupBy(unit => UnitHash(parameters, slot, bias, unit)).Where(group => group.Count() > 1).ToList();
            if (groups.Count > 0)
            {
                List<int> units = [.. groups.SelectMany(group => group).Order()];
                yield return new HealthFinding(
                    HealthProblem.EqualUnits,
                    slot.Name,
                    Invariant($"{units.Count:N0} of its {slot.Shape[0]:N0} output units have the same weights and bias as another{Named(units)}"));
            }
        }
    }

    private static UInt128 UnitHash(ParameterSet parameters, TensorSlot weight, TensorSlot? bias, int unit)
    {
        var size = weight.Length / weight.Shape[0];
        var hash = new XxHash128();
        hash.Append(MemoryMarshal.AsBytes(parameters.View(weight).Slice(unit * size, size)));
        if (bias?.Length == weight.Shape[0])
        {
            hash.Append(MemoryMarshal.AsBytes(parameters.View(bias).Slice(unit, 1)));
        }

        return hash.GetCurrentHashAsUInt128();
    }

    /// <summary>The units of a layer that are dead or saturated.</summary>
    public static IReadOnlyList<int> InactiveUnits(LayerActivity layer)
    {
        var isRelu = layer.Kind == ActivationProbe.Relu;
        return [.. Enumerable.Range(0, layer.Activity.Count).Where(unit => isRelu ? layer.Activity[unit] <= 0 : layer.Activity[unit] < SaturatedShare)];
    }

    private static IEnumerable<HealthFinding> InactiveUnits(HealthEvidence evidence)
    {
        foreach (var layer in evidence.Layers)
        {
            var units = InactiveUnits(layer);
            if (units.Count > 0 && units.Count >= InactiveShare * layer.Activity.Count)
            {
                var isRelu = layer.Kind == ActivationProbe.Relu;
                var what = isRelu ? "give 0" : Invariant($"are within {SaturatedShare:P0} of a limit");
                yield return new HealthFinding(
                    isRelu ? HealthProblem.DeadUnits : HealthProblem.SaturatedUnits,
                    layer.Name,
                    Invariant($"{units.Count:N0} of its {layer.Activity.Count:N0} units {what} for each of {evidence.SampleCount:N0} training images{Named(units)}; the layer before it: {layer.Before}"));
            }
        }
    }

    private static IEnumerable<HealthFinding> ConstantPrediction(HealthEvidence evidence)
    {
        var (predicted, images) = ((double)evidence.Predictions.Sum(), (double)evidence.Labels.Sum());
        var most = evidence.Predictions.Max();
        if (predicted > 0 && most / predicted > ConstantShare && evidence.Labels.Max() / images <= ConstantShare)
        {
            var favourite = evidence.Predictions.ToList().IndexOf(most);
            yield return new HealthFinding(
                HealthProblem.ConstantPrediction,
                "the test set",
                Invariant($"{most:N0} of {predicted:N0} images are taken for class {favourite}, which has {evidence.Labels[favourite]:N0}"));
        }
    }

    private static IEnumerable<HealthFinding> LossNeverFell(HealthEvidence evidence)
    {
        List<double> reported = [.. evidence.TrainingLosses.OfType<double>()];
        var fell = evidence.CurrentLoss < FallenShare * evidence.InitialLoss || (reported.Count > 1 && reported[1..].Min() < FallenShare * reported[0]);
        if (evidence.StepsDone > 0 && !fell && double.IsFinite(evidence.CurrentLoss) && double.IsFinite(evidence.InitialLoss))
        {
            yield return new HealthFinding(
                HealthProblem.LossNeverFell,
                "the loss",
                Invariant($"on {evidence.SampleCount:N0} training images it was {evidence.InitialLoss:F4} at step 0 and is {evidence.CurrentLoss:F4} after {evidence.StepsDone:N0} steps"));
        }
    }

    private static ReadOnlySpan<int> Bits(ParameterSet parameters, TensorSlot slot) => MemoryMarshal.Cast<float, int>(parameters.View(slot));

    private static string Named(IReadOnlyList<int> units) =>
        $" (unit{(units.Count == 1 ? "" : "s")} {string.Join(", ", units.Take(MostUnitsNamed))}{(units.Count > MostUnitsNamed ? ", …" : "")})";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
