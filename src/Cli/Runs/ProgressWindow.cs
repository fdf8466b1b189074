namespace DistTrain.Cli.Runs;

/// <summary>The steps since the last <see cref="Progress"/> that one kind of reader was told.</summary>
/// <param name="meter">Counts samples and time.</param>
internal sealed class ProgressWindow(ThroughputMeter meter)
{
    private (long Samples, TimeSpan Inside) _before;
    private double _lossSum;
    private long _lossCount;

    /// <summary>When it began: a timestamp.</summary>
    public long Since { get; set; }

    /// <summary>A step is done, with this mean loss.</summary>
    public void Add(double loss)
    {
        _lossSum += loss;
        _lossCount++;
    }

    /// <summary>Ends it; the next one begins.</summary>
    /// <returns>The mean loss of its steps, and its samples per second; null where they are not finite.</returns>
    public (double? TrainLoss, double? SamplesPerSecond) Close(long now)
    {
        var result = (RunEvent.Finite(_lossSum / _lossCount), RunEvent.Finite(ThroughputMeter.Rate(meter.Samples - _before.Samples, meter.Inside - _before.Inside)));
        _before = (meter.Samples, meter.Inside);
        (_lossSum, _lossCount, Since) = (0, 0, now);
        return result;
    }
}
