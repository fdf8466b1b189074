namespace DistTrain.Cli.Comparison;

/// <summary>Which batch sizes to measure in search of the break-even, purely: away from the given one in steps of four, until it lies between two of them.</summary>
public static class BatchLadder
{
    /// <summary>Measured batch sizes at most, the given one included.</summary>
    public const int MostSizes = 3;

    private const int Factor = 4;

    /// <summary>Below this a batch is no batch.</summary>
    private const int Least = 4;

    /// <summary>The next batch size; null if there is no sense in another.</summary>
    /// <param name="measured">So far, the given batch size first.</param>
    /// <param name="contender">Who is to become faster.</param>
    /// <param name="baseline">Than whom.</param>
    /// <param name="isAllowed">Whether the training can be done with a batch size at all.</param>
    public static int? Next(IReadOnlyList<Sitting> measured, Contender contender, Contender baseline, Func<int, bool> isAllowed)
    {
        var faster = measured.Select(sitting => sitting.Compare(contender, baseline)?.Outcome == Outcome.Faster).ToList();
        if (measured.Count >= MostSizes || faster.Distinct().Count() > 1)
        {
            return null;
        }

        var sizes = measured.Select(sitting => sitting.BatchSize).ToList();
        var (smaller, larger) = (sizes.Min() / Factor, (long)sizes.Max() * Factor);
        int? down = smaller >= Least && isAllowed(smaller) ? smaller : null;
        int? up = larger <= int.MaxValue && isAllowed((int)larger) ? (int)larger : null;
        // Two sizes are needed for a line, wherever the second lies.
        return measured.Count == 1 ? (faster[0] ? down ?? up : up ?? down) : faster[0] ? down : up;
    }
}
