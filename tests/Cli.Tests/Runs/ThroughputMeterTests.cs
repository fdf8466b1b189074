using DistTrain.Cli.Runs;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Cli.Tests.Runs;

public sealed class ThroughputMeterTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void SamplesPerSecond_OfALongRun_LeavesOutTheFirst50Steps()
    {
        var meter = new ThroughputMeter(_time, totalSteps: 100);
        Steps(meter, 1, 50, TimeSpan.FromSeconds(9));
        Assert.Null(meter.SamplesPerSecond);

        Steps(meter, 51, 100, TimeSpan.FromSeconds(0.5));

        Assert.Equal((5_000, 200.0), (meter.Samples, meter.SamplesPerSecond));
    }

    [Fact]
    public void SamplesPerSecond_OfAShortRun_LeavesOutTheFirstStep()
    {
        var meter = new ThroughputMeter(_time, totalSteps: 99);
        Steps(meter, 1, 1, TimeSpan.FromSeconds(9));
        Steps(meter, 2, 3, TimeSpan.FromSeconds(0.5));

        Assert.Equal(200.0, meter.SamplesPerSecond);
    }

    [Fact]
    public void SamplesPerSecond_WithEvaluationsBetween_DoesNotCountThem()
    {
        var meter = new ThroughputMeter(_time, totalSteps: 3);
        for (var step = 1; step <= 3; step++)
        {
            Steps(meter, step, step, TimeSpan.FromSeconds(1));
            _time.Advance(TimeSpan.FromMinutes(1));
            meter.Resume();
        }

        Assert.Equal(100.0, meter.SamplesPerSecond);
    }

    private void Steps(ThroughputMeter meter, int first, int last, TimeSpan each)
    {
        for (var step = first; step <= last; step++)
        {
            _time.Advance(each);
            meter.StepDone(step, samples: 100);
        }
    }
}
