namespace DistTrain.Core.Checkpoints;

/// <summary>How the hash chains of two runs compare. Versions are steps behind the parameters: 0 is the initial ones.</summary>
/// <param name="FirstDifference">The first version that both know and that differs; null if there is none.</param>
/// <param name="EqualAgainAt">
/// The first version after it that both know and that is equal; null if there is none. A link hashes the one before it, so where there is one
/// the parameters were equal, and an entry between was damaged.
/// </param>
/// <param name="LastEqual">The last version before the difference that both know and that is equal; null if there is none.</param>
/// <param name="UnknownCount">The versions up to <paramref name="FirstDifference"/>, or to the shorter one's end, that either does not know.</param>
public sealed record ChainComparison(long? FirstDifference, long? EqualAgainAt, long? LastEqual, long UnknownCount);

/// <summary>Compares hash chains.</summary>
public static class ChainRules
{
    /// <summary>
    /// Compares two chains, of different lengths too, entry by entry: a search by halves would rely on what damaged and unknown entries break,
    /// that after a difference all is different.
    /// </summary>
    /// <param name="first">By version; 0 is unknown.</param>
    /// <param name="second">The same of another run.</param>
    public static ChainComparison Compare(ReadOnlySpan<UInt128> first, ReadOnlySpan<UInt128> second)
    {
        var (difference, equalAgain, lastEqual, unknown) = ((long?)null, (long?)null, (long?)null, 0L);
        for (var version = 0; version < Math.Min(first.Length, second.Length) && equalAgain is null; version++)
        {
            if (first[version] == 0 || second[version] == 0)
            {
                unknown += difference is null ? 1 : 0;
            }
            else if (first[version] != second[version])
            {
                difference ??= version;
            }
            else if (difference is null)
            {
                lastEqual = version;
            }
            else
            {
                equalAgain = version;
            }
        }

        return new ChainComparison(difference, equalAgain, lastEqual, unknown);
    }
}
