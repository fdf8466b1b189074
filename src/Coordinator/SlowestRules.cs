namespace DistTrain.Coordinator;

/// <summary>How one worker has done lately: <see cref="WorkerTimings.PaceOf"/>.</summary>
/// <param name="Worker">Its id.</param>
/// <param name="OwnSeconds">Its own time per round, computing and network, without waiting for others.</param>
/// <param name="SecondsPerShard">Its time to compute a shard: shares that follow speed hide a slow worker's own time, not this.</param>
/// <param name="Rounds">How many rounds that is measured in.</param>
internal readonly record struct WorkerPace(int Worker, double OwnSeconds, double SecondsPerShard, int Rounds);

/// <summary>The worker that holds up the others, or would if it had an equal share.</summary>
/// <param name="Worker">Its id.</param>
/// <param name="Ratio">How many times the median of the others it takes.</param>
internal readonly record struct SlowWorker(int Worker, double Ratio);

/// <summary>Decides who is the slow one.</summary>
internal static class SlowestRules
{
    /// <summary>Nobody is called slow on fewer rounds.</summary>
    public const int LeastRounds = RecentMedian.Window;

    /// <summary>Slower than this many times the others is slow.</summary>
    private const double Slow = 2;

    /// <summary>Who has been named stays so down to this.</summary>
    private const double StillSlow = 1.5;

    /// <summary>Another takes the name when it is so many times slower than the one named.</summary>
    private const double MuchSlower = 1.25;

    /// <summary>The slow one; null if nobody is.</summary>
    /// <param name="paces">All workers.</param>
    /// <param name="named">Who was named last time; null if nobody.</param>
    public static SlowWorker? Find(IEnumerable<WorkerPace> paces, int? named)
    {
        WorkerPace[] measured = [.. paces.Where(pace => pace.Rounds >= LeastRounds)];
        double[] own = [.. measured.Select(pace => pace.OwnSeconds).Order()];
        double[] perShard = [.. measured.Select(pace => pace.SecondsPerShard).Order()];
        SlowWorker? slowest = null;
        SlowWorker? still = null;
        foreach (var pace in measured)
        {
            var slow = new SlowWorker(pace.Worker, Math.Max(RatioToOthers(pace.OwnSeconds, own), RatioToOthers(pace.SecondsPerShard, perShard)));
            if (slow.Ratio > (slowest?.Ratio ?? Slow))
            {
                slowest = slow;
            }

            if (slow.Worker == named && slow.Ratio > StillSlow)
            {
                still = slow;
            }
        }

        return still is { } before && !(slowest?.Ratio > before.Ratio * MuchSlower) ? still : slowest;
    }

    /// <summary>To the median of the others: a slow one is above it, so the values below it are sorted as they are without it.</summary>
    private static double RatioToOthers(double seconds, double[] sorted)
    {
        var others = sorted.Length - 1;
        var ratio = others == 0 ? 0 : seconds / ((sorted[(others - 1) / 2] + sorted[others / 2]) / 2);
        return double.IsFinite(ratio) ? ratio : 0;
    }
}
