namespace DistTrain.Core.Training;

/// <summary>One worker's partial of a node, as far as the rules need it.</summary>
/// <param name="Worker">By whom.</param>
/// <param name="Name">The worker's name: who comes again under another id is nobody else, and confirms nothing.</param>
/// <param name="LeaseId">For which lease.</param>
/// <param name="IsFinite">Whether everything in it is finite.</param>
/// <param name="Fingerprint">Stands for its bits.</param>
internal readonly record struct Opinion(int Worker, string Name, long LeaseId, bool IsFinite, UInt128 Fingerprint);

/// <summary>What opinions on a node amount to.</summary>
internal enum Agreement
{
    /// <summary>Another worker must compute it too.</summary>
    Open,

    /// <summary>It is known; the opinions that differ are wrong.</summary>
    Settled,

    /// <summary>It is not finite, whoever computes it.</summary>
    NotFinite,
}

/// <summary>
/// When to believe a node. Every worker computes the same bits, so a difference proves one of them wrong: two equal answers of two workers
/// outvote a third. Without an audit the first finite answer is believed; NaN and infinity are believed when computed twice.
/// </summary>
internal static class OpinionRules
{
    /// <summary>Judges what is there.</summary>
    /// <param name="opinions">In the order they came.</param>
    /// <param name="isAudited">Whether two workers must agree.</param>
    /// <returns>The agreement, and which opinion speaks for it.</returns>
    public static (Agreement Agreement, int Chosen) Judge(IReadOnlyList<Opinion> opinions, bool isAudited)
    {
        for (var i = 0; i < opinions.Count; i++)
        {
            if (!isAudited && opinions[i].IsFinite)
            {
                return (Agreement.Settled, i);
            }

            for (var j = 0; j < i; j++)
            {
                if (Agree(opinions[j], opinions[i], isAudited))
                {
                    return (opinions[j].IsFinite ? Agreement.Settled : Agreement.NotFinite, j);
                }
            }
        }

        return (Agreement.Open, -1);
    }

    /// <summary>Whether an opinion is another than the one believed.</summary>
    public static bool Differs(Opinion believed, Opinion other) =>
        other.IsFinite != believed.IsFinite || (other.IsFinite && other.Fingerprint != believed.Fingerprint);

    /// <summary>Payloads of NaN are outside the promise of equal bits, so two that are not finite agree.</summary>
    private static bool Agree(Opinion first, Opinion second, bool isAudited) =>
        (!isAudited || first.Name != second.Name) && !Differs(first, second);
}
