using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>
/// Our layers, losses and optimizers against PyTorch's recorded ones. Both round to binary32 after other sums in another order, so they agree
/// to a few units of 2⁻²⁴ ≈ 6e-8 of the largest number involved, and no closer.
/// </summary>
public sealed unsafe class PyTorchTests
{
    private static readonly PyTorchFixtures Recorded = PyTorchFixtures.Recorded;

    [Fact]
    public void Affine_ForwardAndBackward_AreNnLinears()
    {
        Assert.Equal(5, Recorded.Linear.Length);
        foreach (var fixture in Recorded.Linear)
        {
            var weights = fixture.Inputs * fixture.Outputs;
            using var parameters = GuardedBuffer.Of([.. fixture.Weight, .. fixture.Bias]);
            using var layer = new Affine<float>(VectorKernels.Best, fixture.Inputs, fixture.Outputs, weightOffset: 0, biasOffset: weights);
            layer.UseParameters(parameters.Pointer);
            var (output, inputGradient, gradient) = Run(layer, fixture.Rows, fixture.Input, fixture.OutputGradient, weights + fixture.Outputs);

            var what = $"Linear({fixture.Inputs}, {fixture.Outputs}), {fixture.Rows} rows";
            AssertClose(fixture.Output, output, 1e-6f, what);
            AssertClose(fixture.InputGradient, inputGradient, 1e-6f, what);
            AssertClose(fixture.WeightGradient, gradient.AsSpan(0, weights), 1e-6f, what);
            AssertClose(fixture.BiasGradient, gradient.AsSpan(weights), 1e-6f, what);
        }
    }

    [Theory]
    [InlineData("relu")]
    [InlineData("sigmoid")]
    [InlineData("tanh")]
    public void Activation_ForwardAndBackward_ArePyTorchs(string name)
    {
        var fixture = Recorded.Activations.Single(candidate => candidate.Name == name);
        LayerSpec spec = name switch { "relu" => new ReluSpec(), "sigmoid" => new SigmoidSpec(), _ => new TanhSpec() };
        using var layer = spec.Build(VectorKernels.Best, new Shape(fixture.Input.Length), default);
        var (output, inputGradient, _) = Run(layer, 1, fixture.Input, fixture.OutputGradient, parameterCount: 0);
        for (var i = 0; i < fixture.Input.Length; i++)
        {
            // Each element on its own scale; where PyTorch underflows to 0 or a subnormal, within 1e-37.
            Assert.Equal(fixture.Output[i], output[i], MathF.Abs(fixture.Output[i] * 3e-7f) + 1e-37f);
            Assert.Equal(fixture.InputGradient[i], inputGradient[i], MathF.Abs(fixture.OutputGradient[i]) * 3e-7f);
        }
    }

    [Theory]
    [InlineData("softmax-cross-entropy")]
    [InlineData("mean-squared-error")]
    public void Loss_LossesAndGradientOfTheirSum_ArePyTorchs(string name)
    {
        var fixtures = Recorded.Losses.Where(candidate => candidate.Name == name).ToList();
        Assert.Equal(5, fixtures.Count);
        foreach (var fixture in fixtures)
        {
            using var loss = name == "mean-squared-error"
                ? new MeanSquaredError<float>(VectorKernels.Best, fixture.Classes)
                : (Loss<float>)new SoftmaxWithLoss<float>(VectorKernels.Best, fixture.Classes);
            using var scores = GuardedBuffer.OfRows(fixture.Scores, fixture.Rows, fixture.Classes, out var rows);
            var gradient = loss.Forward(rows, [.. fixture.Labels.Select(label => (byte)label)], isTraining: true);

            AssertClose(fixture.Gradient, Flatten(gradient), 1e-6f, $"{name}, {fixture.Classes} classes");
            AssertClose(fixture.Losses, new ReadOnlySpan<float>(loss.Losses.Data, fixture.Rows), 1e-6f, $"{name}, {fixture.Classes} classes");
            Assert.Equal(fixture.Scores, Flatten(rows));
        }
    }

    public static TheoryData<int> OptimizerCases => [.. Enumerable.Range(0, Recorded.Optimizers.Length)];

    [Theory]
    [MemberData(nameof(OptimizerCases))]
    public void Optimizer_TenSteps_ArePyTorchs(int index)
    {
        var fixture = Recorded.Optimizers[index];
        var spec = new OptimizerSpec(
            fixture.Name, fixture.LearningRate, fixture.Momentum, fixture.Alpha, fixture.Beta1, fixture.Beta2, fixture.Epsilon);
        using var optimizer = Optimizer.Create(spec, VectorKernels.Best, new ParameterLayout([("p", new Shape(fixture.Initial.Length))]));
        using var parameters = GuardedBuffer.Of(fixture.Initial);
        using var sums = new GuardedBuffer(fixture.Initial.Length);
        for (var step = 0; step < fixture.Gradients.Length; step++)
        {
            // We take the sum over the batch: four times the mean, exactly.
            for (var i = 0; i < sums.Values.Length; i++)
            {
                sums.Values[i] = 4 * fixture.Gradients[step][i];
            }

            optimizer.Step(parameters.Pointer, sums.Pointer, sampleCount: 4, fixture.LearningRate);
            AssertEachClose(fixture.After[step], parameters.Values, _ => 3e-7f, $"{spec}, after step {step}");
        }

        Assert.Equal(fixture.State.Keys.Order(), optimizer.SlotNames.Order());
        for (var slot = 0; slot < optimizer.SlotNames.Count; slot++)
        {
            // First moments cancel, down from the size of the gradients; sums of squares do not.
            var name = optimizer.SlotNames[slot];
            AssertEachClose(fixture.State[name], optimizer.Slot(slot), LargestGradient, $"{spec}, {name}");
            float LargestGradient(int i) =>
                name is "momentum_buffer" or "exp_avg" ? 3e-7f * fixture.Gradients.Max(gradient => MathF.Abs(gradient[i])) : 0;
        }
    }

    [Fact]
    public void Fixtures_Optimizers_CoverEveryOneWithItsDefaults() => Assert.Equal(
        OptimizerSpec.Names.Order(),
        LearningFixtures.Recorded.Optimizers.Where(candidate => candidate is { Name: "adamw" or "lamb", Beta1: null, Epsilon: null, WeightDecay: null, ClipNorm: null })
            .Select(candidate => candidate.Name).Concat(Recorded.Optimizers
            .Where(candidate => candidate is { Momentum: null, Alpha: null, Beta1: null, Beta2: null, Epsilon: null })
            .Select(candidate => candidate.Name)).Order());

    private static (float[] Output, float[] InputGradient, float[] Gradient) Run(
        Layer<float> layer,
        int rows,
        float[] input,
        float[] outputGradient,
        int parameterCount)
    {
        using var inputMemory = GuardedBuffer.OfRows(input, rows, layer.InputShape.Size, out var x);
        using var gradientMemory = GuardedBuffer.OfRows(outputGradient, rows, layer.OutputShape.Size, out var dy);
        using var parameterGradient = new GuardedBuffer(parameterCount);
        var buffer = parameterGradient.Pointer;
        var plan = new FoldPlan(1, new ShardRange(0, 1), rows);
        var output = Flatten(layer.Forward(x, ForwardPass.Training(plan, seed: 1, step: 0)));
        var inputGradient = Flatten(layer.Backward(dy, new GradientFold<float>(plan, &buffer), inputGradientWanted: true));
        parameterGradient.AssertUntouchedOutside();
        return (output, inputGradient, parameterGradient.Values.ToArray());
    }

    private static float[] Flatten(Matrix<float> matrix)
    {
        var values = new List<float>();
        for (var row = 0; row < matrix.Rows; row++)
        {
            values.AddRange(matrix.Row(row));
        }

        return [.. values];
    }

    /// <summary>Each within <paramref name="tolerance"/> of the largest magnitude among the expected, or of 1.</summary>
    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance, string what)
    {
        var scale = 1f;
        foreach (var value in expected)
        {
            scale = MathF.Max(scale, MathF.Abs(value));
        }

        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= scale * tolerance, $"{what}: element {i} is {actual[i]:R}, PyTorch's {expected[i]:R}.");
        }
    }

    /// <summary>Each within a millionth of itself, or within <paramref name="absolute"/> where sums cancel.</summary>
    private static void AssertEachClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, Func<int, float> absolute, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(
                MathF.Abs(expected[i] - actual[i]) <= (MathF.Abs(expected[i]) * 1e-6f) + absolute(i),
                $"{what}: element {i} is {actual[i]:R}, PyTorch's {expected[i]:R}.");
        }
    }
}
