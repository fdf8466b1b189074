namespace DistTrain.Cli.Runs;

/// <summary>
/// Training samples per second: samples ÷ time inside steps, from the end of step 50 (of step 1 in a run of fewer than 100), so that start-up
/// and warming do not count, and neither do evaluations.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="totalSteps">Of the run.</param>
/// <param name="firstStep">The steps done when this process took the run up.</param>
public sealed class ThroughputMeter(TimeProvider time, long totalSteps, long firstStep = 0)
{
    private const int LongRun = 100;
    private const int StepsLeftOutOfALongRun = 50;

    private readonly long _stepsLeftOut = firstStep + (totalSteps - firstStep < LongRun ? 1 : StepsLeftOutOfALongRun);
    private long _lastStep;
    private bool _isMeasuring;

    /// <summary>Samples counted so far.</summary>
    public long Samples { get; private set; }

    /// <summary>Time inside the steps that they were in.</summary>
    public TimeSpan Inside { get; private set; }

    /// <summary>The rate; null before the first counted step.</summary>
    public double? SamplesPerSecond => Rate(Samples, Inside);

    /// <summary>A rate, or null if no time has passed.</summary>
    public static double? Rate(long samples, TimeSpan inside) => inside > TimeSpan.Zero ? samples / inside.TotalSeconds : null;

    /// <summary>A step has ended.</summary>
    /// <param name="stepsDone">Steps behind us, this one included.</param>
    /// <param name="samples">In this step.</param>
    /// <returns>The moment, in the clock's timestamps.</returns>
    public long StepDone(long stepsDone, int samples)
    {
        var now = time.GetTimestamp();
        if (_isMeasuring)
        {
            Samples += samples;
            Inside += time.GetElapsedTime(_lastStep, now);
        }

        _isMeasuring = stepsDone >= _stepsLeftOut;
        _lastStep = now;
        return now;
    }

    /// <summary>Something other than a step has ended (an evaluation): the next step begins now.</summary>
    public void Resume() => _lastStep = time.GetTimestamp();
}
