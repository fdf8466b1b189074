using DistTrain.Core.Kernels;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>Decay, clipping, AdamW and schedules against PyTorch's; LAMB and L1, which it lacks, against their formulas in double.</summary>
public sealed unsafe class LearningTests
{
    private static readonly LearningFixtures Recorded = LearningFixtures.Recorded;

    public static TheoryData<int> OptimizerCases => [.. Enumerable.Range(0, Recorded.Optimizers.Length)];

    public static TheoryData<int> ScheduleCases => [.. Enumerable.Range(0, Recorded.Schedules.Length)];

    [Theory]
    [MemberData(nameof(OptimizerCases))]
    public void Optimizer_EightSteps_AreTheRecordedOnes(int index)
    {
        var fixture = Recorded.Optimizers[index];
        var layout = new ParameterLayout(fixture.Shapes.Select((shape, i) => ($"{i}", new Shape(shape))));
        using var optimizer = Optimizer.Create(fixture.Spec, VectorKernels.Best, layout);
        using var parameters = GuardedBuffer.Of(fixture.Initial);
        using var sums = new GuardedBuffer(layout.Length);
        for (var step = 0; step < fixture.Gradients.Length; step++)
        {
            // We take the sum over the batch: four times the mean, exactly.
            for (var i = 0; i < layout.Length; i++)
            {
                sums.Values[i] = 4 * fixture.Gradients[step][i];
            }

            optimizer.Step(parameters.Pointer, sums.Pointer, sampleCount: 4, fixture.LearningRate);
            parameters.AssertUntouchedOutside();
            sums.AssertUntouchedOutside();
            for (var i = 0; i < layout.Length; i++)
            {
                var (expected, actual) = (fixture.After[step][i], parameters.Values[i]);
                Assert.True(
                    MathF.Abs(expected - actual) <= (MathF.Abs(expected) * 1e-6f) + 3e-7f,
                    $"{fixture.Spec}, after step {step}: element {i} is {actual:R}, recorded {expected:R}.");
            }
        }
    }

    [Fact]
    public void Fixtures_Optimizers_CoverDecayOfEveryOneAndTheDefaultsOfTheNewOnes()
    {
        Assert.Equal(OptimizerSpec.Names.Order(), Recorded.Optimizers.Where(fixture => fixture.WeightDecay > 0).Select(fixture => fixture.Name).Distinct().Order());
        Assert.All(["adamw", "lamb"], name => Assert.Contains(Recorded.Optimizers, fixture => fixture.Name == name && fixture.WeightDecay is null));
        Assert.Contains(Recorded.Optimizers, fixture => fixture.L1 > 0);
        Assert.Contains(Recorded.Optimizers, fixture => fixture.ClipNorm > 0);
    }

    [Theory]
    [MemberData(nameof(ScheduleCases))]
    public void Schedule_EveryStep_HasPyTorchsRate(int index)
    {
        var fixture = Recorded.Schedules[index];
        var spec = new OptimizerSpec("sgd", fixture.LearningRate, Schedule: fixture.Spec);
        spec.Validate();
        Assert.Equal(fixture.TotalSteps, fixture.Rates.Length);
        for (var step = 0; step < fixture.Rates.Length; step++)
        {
            // PyTorch multiplies its rates step by step, which adds roundings.
            Assert.Equal(fixture.Rates[step], spec.LearningRateAt(step, fixture.TotalSteps), fixture.LearningRate * 1e-14);
        }
    }
}
