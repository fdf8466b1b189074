namespace DistTrain.Core.Search;

/// <summary>
/// Successive halving (Jamieson and Talwalkar 2016): all trials train for a part of their steps, the best 1/η of them for η times as many, and so on. A rung
/// begins when the one below it is complete, so the outcome does not depend on who computes what when.
/// </summary>
public static class HalvingRules
{
    /// <summary>Rungs above the first at most: a part of 1/η³ of a training says little about its end.</summary>
    public const int MaximumHalvings = 2;

    /// <summary>How often the trials are sorted out: as long as one is left, and one step, at most <see cref="MaximumHalvings"/> times.</summary>
    /// <param name="factor">η, at least 2; null for no halving.</param>
    /// <param name="trialCount">Trials that begin.</param>
    /// <param name="totalSteps">Of the shortest training.</param>
    public static int Halvings(int? factor, int trialCount, long totalSteps)
    {
        if (factor is not { } by)
        {
            return 0;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(by, 2);
        var (halvings, power) = (0, (long)by);
        while (halvings < MaximumHalvings && power <= trialCount && power <= totalSteps)
        {
            halvings++;
            power *= by;
        }

        return halvings;
    }

    /// <summary>The steps after which a rung ends: ⌈<paramref name="totalSteps"/> / η^(halvings − rung)⌉.</summary>
    /// <param name="factor">η; null for no halving.</param>
    /// <param name="totalSteps">Of the whole training.</param>
    /// <param name="halvings">From <see cref="Halvings"/>.</param>
    /// <param name="rung">From 0 to <paramref name="halvings"/>.</param>
    public static long Steps(int? factor, long totalSteps, int halvings, int rung)
    {
        var divisor = 1L;
        for (var i = rung; i < halvings; i++)
        {
            divisor *= factor!.Value;
        }

        return ((totalSteps - 1) / divisor) + 1;
    }

    /// <summary>How many go on: ⌈count / η⌉.</summary>
    public static int Survivors(int factor, int count) => ((count - 1) / factor) + 1;
}
