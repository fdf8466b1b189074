namespace DistTrain.Coordinator;

/// <summary>The median of the last measurements: one pause of a process, however long, does not move it, and a lasting change does within half the window.</summary>
internal sealed class RecentMedian
{
    /// <summary>How many measurements count.</summary>
    public const int Window = 20;

    private readonly double[] _values = new double[Window];
    private int _next;

    /// <summary>How many there have been, at most <see cref="Window"/>.</summary>
    public int Count { get; private set; }

    /// <summary>The median, for an even count the mean of the middle two; NaN without any.</summary>
    public double Value
    {
        get
        {
            if (Count == 0)
            {
                return double.NaN;
            }

            var sorted = _values[..Count];
            Array.Sort(sorted);
            return (sorted[(Count - 1) / 2] + sorted[Count / 2]) / 2;
        }
    }

    /// <summary>Takes a measurement; the oldest goes.</summary>
    public void Add(double value)
    {
        _values[_next] = value;
        _next = (_next + 1) % Window;
        Count = Math.Min(Count + 1, Window);
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => (_next, Count) = (0, 0);
}
