using System.Text;

namespace DistTrain.Cli.Comparison;

/// <summary>Whether distribution pays.</summary>
public enum Pays
{
    /// <summary>The workers are faster than one process, with one thread and with as many as they have together.</summary>
    Yes,

    /// <summary>They are faster than one process with one thread, but not than one with as many threads.</summary>
    OverOneThread,

    /// <summary>They are no faster than one process with one thread.</summary>
    No,

    /// <summary>The runs were too short to tell.</summary>
    Unknown,
}

/// <summary>What a comparison says in the end: the fastest of the distributed contenders against its two baselines.</summary>
/// <param name="Contender">The fastest with workers.</param>
/// <param name="AgainstOneThread">Against one process with one thread; null if a rate is missing.</param>
/// <param name="SameThreads">One process with as many threads.</param>
/// <param name="AgainstSameThreads">Against that; null if a rate is missing.</param>
public sealed record Verdict(Contender Contender, Contrast? AgainstOneThread, Contender SameThreads, Contrast? AgainstSameThreads)
{
    /// <summary>Judges; null if nobody with workers was compared.</summary>
    /// <param name="sitting">All contenders.</param>
    /// <param name="cores">Of this machine.</param>
    public static Verdict? Of(Sitting sitting, int cores)
    {
        var distributed = sitting.Measurements.Where(measurement => measurement.Contender.IsDistributed).ToList();
        if (distributed.Count == 0)
        {
            return null;
        }

        var fastest = distributed.MaxBy(measurement => measurement.Rate ?? 0)!.Contender;
        var same = ContenderRules.SameThreads(fastest, cores);
        return new Verdict(fastest, sitting.Compare(fastest, ContenderRules.OneThread), same, sitting.Compare(fastest, same));
    }

    /// <summary>The judgement.</summary>
    public Pays Pays => (AgainstOneThread?.Outcome, AgainstSameThreads?.Outcome) switch
    {
        (null, _) or (_, null) => Pays.Unknown,
        (Outcome.Faster, Outcome.Faster) => Pays.Yes,
        (Outcome.Faster, _) => Pays.OverOneThread,
        _ => Pays.No,
    };

    /// <summary>The judgement in words.</summary>
    /// <param name="what">The training: "two-layer on mnist with batches of 32".</param>
    /// <param name="breakEvens">Against the two baselines; empty if unknown.</param>
    public string Sentence(string what, IReadOnlyList<BreakEven> breakEvens)
    {
        if (Pays == Pays.Unknown)
        {
            return $"Whether distribution pays for {what} cannot be told: the runs were too short. Give more --steps.";
        }

        var text = new StringBuilder(Pays switch
        {
            Pays.Yes => $"Distribution pays for {what} on this machine",
            Pays.OverOneThread => $"Distribution pays for {what} on this machine against one thread, but not against as many threads in one process",
            _ => $"Distribution does not pay for {what} on this machine",
        });
        text.Append(": ").Append(Contender.Name).Append(Contender.Workers == 1 ? " computes " : " compute ").Append(Words(AgainstOneThread!)).Append(" one process with 1 thread");
        if (SameThreads != ContenderRules.OneThread)
        {
            text.Append(", and ").Append(Words(AgainstSameThreads!)).Append(' ').Append(SameThreads.Name);
        }

        text.Append('.');
        if (breakEvens.Count > 1 && breakEvens.All(found => found is { BatchSize: null, PaysEverywhere: false, Unproven: null }))
        {
            return text.Append(FormattableString.Invariant(
                $" No batch from which it pays was found against either, from {breakEvens[0].Smallest} to {breakEvens[0].Largest} samples.")).ToString();
        }

        foreach (var breakEven in breakEvens)
        {
            text.Append(' ').Append(Words(breakEven));
        }

        return text.ToString();
    }

    private static string Words(Contrast contrast) => contrast.Outcome == Outcome.NoDifference
        ? FormattableString.Invariant($"{contrast.Ratio:F2} times the samples a second (no difference beyond the noise of these runs, {contrast.Noise:P0}) of")
        : FormattableString.Invariant($"{contrast.Ratio:F2} times the samples a second of");

    private static string Words(BreakEven found)
    {
        var against = $"Against {found.Baseline.Name}";
        if (found.PaysEverywhere)
        {
            return FormattableString.Invariant($"{against} it pays with every batch that was measured, from {found.Smallest} to {found.Largest} samples.");
        }

        if (found.BatchSize is not { } batch)
        {
            return FormattableString.Invariant($"{against} no batch from which it pays was found, from {found.Smallest} to {found.Largest} samples")
                + (found.Unproven is not { } unproven ? "."
                    : FormattableString.Invariant($"; by the lines through the largest two it would be about {unproven}, ")
                        + (unproven > found.Largest ? "which was not measured." : "where the noise of these runs hides it."));
        }

        var sentence = FormattableString.Invariant($"{against} it pays from a batch of about {batch} samples on, by steps measured below and above");
        return found.Verification is not { } there
            ? sentence + "."
            : sentence + there.Outcome switch
            {
                Outcome.NoDifference => FormattableString.Invariant($"; measured with {batch}: {there.Ratio:F2} times, as fast within the noise, as it should be there."),
                Outcome.Faster => FormattableString.Invariant($"; measured with {batch}: {there.Ratio:F2} times, so it pays there already."),
                _ => FormattableString.Invariant($"; measured with {batch}: {there.Ratio:F2} times, so it takes somewhat more than that."),
            };
    }
}
