using DistTrain.Core.Kernels;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;

namespace DistTrain.Core.Tests.Optimizers;

/// <summary>Whole updates: at every width the reference's bits, and what decay, L1, clipping and LAMB do where it can be said by hand.</summary>
public sealed unsafe class OptimizerTests
{
    private static readonly int[][] Tensors = [[], [1], [15, 1], [16, 17], [1, 3, 29], [257, 40], [4095, 4097, 3], [9000]];

    public static TheoryData<string> Names => [.. OptimizerSpec.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Step_WithEverythingAtEveryWidth_HasTheReferencesBits(string name)
    {
        var plain = new OptimizerSpec(name, 0.01);
        OptimizerSpec[] specs =
        [
            plain, plain with { WeightDecay = 0.1 }, plain with { L1 = 0.01 }, plain with { ClipNorm = 1 },
            plain with { WeightDecay = 0.1, L1 = 0.01, ClipNorm = 3 },
        ];
        foreach (var spec in specs)
        {
            foreach (var tensors in Tensors)
            {
                var expected = Run(spec, new ReferenceKernels<float>(), tensors, offset: 0);
                foreach (var kernels in VectorKernels.All)
                {
                    var actual = Run(spec, kernels, tensors, offset: 3);
                    Floats.AssertSameBits(expected, actual, $"{spec}, {string.Join("+", tensors)}, {kernels.VectorBits} bits");
                }
            }
        }
    }

    [Fact]
    public void Step_Decay_IsCoupledButForAdamWAndLamb()
    {
        // No gradient: sgd takes η·λ·p, adam a step of η, adamw η·λ·p again.
        Assert.Equal(0.9f, After(new OptimizerSpec("sgd", 0.5, WeightDecay: 0.2), [1f], [0f])[0], 1e-6f);
        Assert.Equal(0.5f, After(new OptimizerSpec("adam", 0.5, WeightDecay: 0.2), [1f], [0f])[0], 1e-5f);
        Assert.Equal(0.9f, After(new OptimizerSpec("adamw", 0.5, WeightDecay: 0.2), [1f], [0f])[0], 1e-6f);
        // Of lamb ‖p‖ / ‖u‖·u is p itself, whatever λ.
        Assert.Equal(0.5f, After(new OptimizerSpec("lamb", 0.5, WeightDecay: 0.2), [1f], [0f])[0], 1e-6f);
    }

    [Fact]
    public void Step_L1_PullsByTheSignAndLeavesZerosOfBothSigns() => Assert.Equal(
        [0.75f, -0.75f, 0f, 0f, -float.Epsilon + 0.25f],
        After(new OptimizerSpec("sgd", 1, L1: 0.25), [1f, -1f, 0f, -0f, -float.Epsilon], [0f, 0f, 0f, 0f, 0f]));

    [Fact]
    public void Step_Clipping_IsByTheNormOverAllTensorsAndBeforeDecay()
    {
        // (3, 4) has length 5 as one vector; decay then adds 0.1·p to (0.6, 0.8).
        var after = After(new OptimizerSpec("sgd", 1, WeightDecay: 0.1, ClipNorm: 1), [10f, 20f], [3f, 4f], tensors: [1, 1]);
        Assert.Equal(10 - 0.6f - 1, after[0], 1e-5f);
        Assert.Equal(20 - 0.8f - 2, after[1], 1e-5f);
        Assert.Equal([7f, 16f], After(new OptimizerSpec("sgd", 1, ClipNorm: 5.1), [10f, 20f], [3f, 4f]));
    }

    /// <summary>The squares overflow a float; a norm of infinity would have stopped all learning without a word.</summary>
    [Fact]
    public void Step_ClippingAHugeGradient_KeepsItsDirection()
    {
        var after = After(new OptimizerSpec("sgd", 1, ClipNorm: 5), [0f, 0f], [3e30f, -4e30f]);
        Assert.Equal(-3f, after[0], 1e-5f);
        Assert.Equal(4f, after[1], 1e-5f);
    }

    [Fact]
    public void Step_LambsTensors_EachMoveByTheRateTimesTheirOwnLength()
    {
        var after = After(new OptimizerSpec("lamb", 0.1), [3f, 4f, 0f, 0f, 300f, 400f], [1f, -5f, 1f, 2f, 7f, 1f], tensors: [2, 2, 2]);
        Assert.Equal(0.5, Distance(3 - after[0], 4 - after[1]), 1e-5);
        // From zero the ratio is 1: Adam's first step, η in each element.
        Assert.Equal([-0.1f, -0.1f], after[2..4].Select(value => MathF.Round(value, 5)));
        Assert.Equal(50, Distance(300 - after[4], 400 - after[5]), 1e-3);

        static double Distance(float x, float y) => Math.Sqrt((x * x) + (y * y));
    }

    /// <summary>Neither the buffers themselves nor, in the gradient, the sums that they will follow: those would also count in the norm.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Step_LayoutWithBuffers_TouchesAndCountsOnlyWhatIsLearnt(string name)
    {
        var spec = new OptimizerSpec(name, 0.1, WeightDecay: 0.1, L1: 0.1, ClipNorm: 1);
        var layout = new ParameterLayout([("p", new Shape(5))], [new BufferSpec("b", new Shape(3), 0.1f)]);
        using var optimizer = Optimizer.Create(spec, VectorKernels.Best, layout);
        using var parameters = GuardedBuffer.Of([1f, 2f, 3f, 4f, 5f, 1e6f, 1e6f, 1e6f]);
        using var gradient = GuardedBuffer.Of([5f, 4f, 3f, 2f, 1f, 1e6f, 1e6f, 1e6f]);
        optimizer.Step(parameters.Pointer, gradient.Pointer, sampleCount: 1, spec.LearningRate);
        Assert.Equal([1e6f, 1e6f, 1e6f], parameters.Values[5..].ToArray());
        Assert.Equal([1e6f, 1e6f, 1e6f], gradient.Values[5..].ToArray());
        Assert.Equal(After(spec, [1f, 2f, 3f, 4f, 5f], [5f, 4f, 3f, 2f, 1f]), parameters.Values[..5].ToArray());
        Assert.All(Enumerable.Range(0, optimizer.SlotNames.Count), slot => Assert.Equal(5, optimizer.Slot(slot).Length));
    }

    [Fact]
    public void Step_NotANumber_PassesOnThroughDecayAndL1()
    {
        var after = After(new OptimizerSpec("sgd", 1, L1: 0.25, WeightDecay: 0), [float.NaN, 1f], [0f, float.NaN]);
        Assert.True(float.IsNaN(after[0]) && float.IsNaN(after[1]));
    }

    private static float[] After(OptimizerSpec spec, float[] parameters, float[] gradient, int[]? tensors = null)
    {
        using var optimizer = Optimizer.Create(spec, VectorKernels.Best, Layout(tensors ?? [parameters.Length]));
        using var p = GuardedBuffer.Of(parameters);
        using var g = GuardedBuffer.Of(gradient);
        optimizer.Step(p.Pointer, g.Pointer, sampleCount: 1, spec.LearningRate);
        return p.Values.ToArray();
    }

    /// <summary>Three steps; parameters and then slots.</summary>
    private static float[] Run(OptimizerSpec spec, Kernels<float> kernels, int[] tensors, int offset)
    {
        var layout = Layout(tensors);
        using var optimizer = Optimizer.Create(spec, kernels, layout);
        using var parameters = GuardedBuffer.Of(Floats.Random(1, layout.Length), offset);
        for (var step = 0; step < 3; step++)
        {
            using var gradient = GuardedBuffer.Of(Floats.Random(step + 2, layout.Length), offset + 1);
            optimizer.Step(parameters.Pointer, gradient.Pointer, sampleCount: 97, spec.LearningRate);
            gradient.AssertUntouchedOutside();
            parameters.AssertUntouchedOutside();
        }

        return [.. parameters.Values, .. Enumerable.Range(0, optimizer.SlotNames.Count).SelectMany(slot => optimizer.Slot(slot).ToArray())];
    }

    private static ParameterLayout Layout(int[] tensors) => new(tensors.Select((length, i) => ($"{i}", new Shape(length))));
}
