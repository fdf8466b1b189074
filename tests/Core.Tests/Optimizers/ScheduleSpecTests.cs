using DistTrain.Core.Optimizers;

namespace DistTrain.Core.Tests.Optimizers;

public sealed class ScheduleSpecTests
{
    [Fact]
    public void RateAt_Warmup_RisesInEqualPartsAndReachesTheRate()
    {
        var spec = new ScheduleSpec(ScheduleKind.Constant, WarmupSteps: 4);
        Assert.Equal([0.25, 0.5, 0.75, 1, 1, 1], Enumerable.Range(0, 6).Select(step => spec.RateAt(1, step, 6)));
    }

    [Fact]
    public void RateAt_CosineOverTheRun_FallsFromTheRateEachStepAndTakesTheLengthFromTheRun()
    {
        var spec = new ScheduleSpec(ScheduleKind.Cosine, WarmupSteps: 2, MinimumLearningRate: 0.5);
        var rates = Enumerable.Range(0, 12).Select(step => spec.RateAt(1, step, 12)).ToList();
        Assert.Equal([0.5, 1, 1], rates.Take(3));
        Assert.Equal(rates.Skip(2).OrderDescending(), rates.Skip(2));
        Assert.Equal(0.75, rates[7], 1e-15);
        Assert.NotEqual(rates[7], spec.RateAt(1, 7, 13));
    }

    [Fact]
    public void RateAt_CosineOfALengthOfItsOwn_EndsAtTheMinimumAndStays()
    {
        var spec = new ScheduleSpec(ScheduleKind.Cosine, DecaySteps: 10, MinimumLearningRate: 0.125);
        Assert.Equal([0.125, 0.125, 0.125], new long[] { 10, 11, 1_000_000 }.Select(step => spec.RateAt(1, step, 20)));
        Assert.Equal(spec.RateAt(1, 7, 20), spec.RateAt(1, 7, 1_000));
    }

    [Fact]
    public void RateAt_StepAtAnyPlace_IsAFiniteRateWithoutCountingUpToIt()
    {
        var spec = new ScheduleSpec(ScheduleKind.Step, DecaySteps: 1, Gamma: 0.5);
        Assert.Equal(Math.ScaleB(1, -1_000), spec.RateAt(1, 1_000, 2_000));
        Assert.Equal(0, spec.RateAt(1, long.MaxValue, long.MaxValue));
        Assert.Equal(3, (spec with { Gamma = 1 }).RateAt(3, long.MaxValue, long.MaxValue));
    }

    [Fact]
    public void Validate_WrongOrForeignMembers_AreRefusedNamingThem()
    {
        Refuses(new ScheduleSpec((ScheduleKind)9), "'9'", "constant, step, cosine");
        Refuses(new ScheduleSpec(ScheduleKind.Constant, DecaySteps: 3), "constant has no decay steps");
        Refuses(new ScheduleSpec(ScheduleKind.Cosine, Gamma: 0.5), "cosine has no gamma");
        Refuses(new ScheduleSpec(ScheduleKind.Step, DecaySteps: 3, MinimumLearningRate: 0), "step has no minimum learning rate");
        Refuses(new ScheduleSpec(ScheduleKind.Step), "step needs decay steps");
        Refuses(new ScheduleSpec(ScheduleKind.Constant, WarmupSteps: 0), "warm-up steps are 0");
        Refuses(new ScheduleSpec(ScheduleKind.Cosine, DecaySteps: 0), "decay steps are 0");
        foreach (var gamma in new[] { 0, 1.5, double.NaN })
        {
            Refuses(new ScheduleSpec(ScheduleKind.Step, DecaySteps: 3, Gamma: gamma), "gamma is");
        }

        foreach (var minimum in new[] { -0.1, 0.11, double.NaN })
        {
            Refuses(new ScheduleSpec(ScheduleKind.Cosine, MinimumLearningRate: minimum), "minimum learning rate is", "0.1");
        }

        static void Refuses(ScheduleSpec schedule, params string[] expected)
        {
            var refusal = Assert.Throws<InvalidInputException>(new OptimizerSpec("sgd", 0.1, Schedule: schedule).Validate);
            Assert.All(expected, part => Assert.Contains(part, refusal.Message, StringComparison.Ordinal));
        }
    }
}
