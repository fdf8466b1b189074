using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>
/// Collects where the time of a run's steps went. The first 50 steps are left out as warm-up, or the first half of a run of fewer than 100. Keeps the
/// last 1,024 steps; a step allocates nothing.
/// </summary>
/// <param name="steps">Of this process.</param>
public sealed class StepSplits(long steps)
{
    private const int Capacity = 1024;

    /// <summary>Of the kept steps by duration, the middle one and its neighbours: a fifth of all.</summary>
    private const double MiddleShare = 0.2;

    private readonly long _warmUp = Math.Min(50, steps / 2);
    private readonly StepSplit[] _kept = new StepSplit[Math.Clamp(steps - Math.Min(50, steps / 2), 1, Capacity)];
    private long _seen;
    private long _samples;
    private double _seconds;

    /// <summary>Steps measured, without the warm-up.</summary>
    public long Count => Math.Max(0, _seen - _warmUp);

    /// <summary>Samples ÷ time of all measured steps; null before the first.</summary>
    public double? SamplesPerSecond => _seconds > 0 ? _samples / _seconds : null;

    /// <summary>A step was measured.</summary>
    /// <param name="split">Its time.</param>
    /// <param name="samples">In it.</param>
    public void Add(in StepSplit split, int samples)
    {
        if (_seen >= _warmUp)
        {
            _kept[(_seen - _warmUp) % _kept.Length] = split;
            _samples += samples;
            _seconds += split.Total;
        }

        _seen++;
    }

    /// <summary>
    /// The median step: the mean of the middle fifth of the kept steps by duration, so that its parts add up, which medians of parts would not. Null
    /// before the first.
    /// </summary>
    public StepSplit? Median()
    {
        var count = (int)Math.Min(Count, _kept.Length);
        if (count == 0)
        {
            return null;
        }

        var sorted = _kept[..count];
        Array.Sort(sorted, (x, y) => x.Total.CompareTo(y.Total));
        // At least one, and as many below the middle as above it.
        var outside = (int)Math.Min((count - 1) / 2, count * (1 - MiddleShare) / 2);
        var sum = default(StepSplit);
        for (var i = outside; i < count - outside; i++)
        {
            sum += sorted[i];
        }

        return sum * (1d / (count - (2 * outside)));
    }
}
