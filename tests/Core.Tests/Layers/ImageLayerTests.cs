using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Layers;

/// <summary>Layers over images: analytic against numerical gradients in double, bits for any cut of a batch, memory.</summary>
public sealed unsafe class ImageLayerTests
{
    // Smooth activations, so that the only kinks are those of max pooling.
    private static readonly Dictionary<string, LayerSpec[]> Middles = new()
    {
        ["convolution"] = [new ConvolutionSpec(3, 3)],
        ["convolution, padding"] = [new ConvolutionSpec(3, 3, Padding: 1)],
        ["convolution, stride and padding"] = [new ConvolutionSpec(3, 3, Stride: 2, Padding: 2)],
        ["convolution, no bias"] = [new ConvolutionSpec(3, 2, Stride: 3, Bias: false)],
        ["convolution as large as the image"] = [new ConvolutionSpec(4, 6)],
        ["convolution after convolution"] = [new ConvolutionSpec(3, 3, Padding: 1), new TanhSpec(), new ConvolutionSpec(2, 1, Stride: 2)],
        ["max pooling"] = [new MaxPoolingSpec(2)],
        ["max pooling, overlapping"] = [new MaxPoolingSpec(3, Stride: 2, Padding: 1)],
        ["average pooling"] = [new AveragePoolingSpec(2)],
        ["average pooling, overlapping"] = [new AveragePoolingSpec(3, Stride: 1, Padding: 1)],
        ["global average pooling"] = [new GlobalAveragePoolingSpec()],
        ["flatten"] = [new FlattenSpec()],
    };

    public static TheoryData<string> Names => [.. Middles.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_EachLayerBetweenLayersWithParameters_AreTheNumericalOnes(string name)
    {
        // The convolution in front sees the layer's input gradient.
        var model = Model(name);
        for (var seed = 0; seed < 3; seed++)
        {
            using var check = new GradientCheck(model, TestData.Images(seed, 20, 36, 4), (ulong)seed, sampleCount: 3);
            var result = check.Run();
            Assert.True(result.Passed, $"{name}: {result.WorstRelativeError:R}");
            Assert.Equal(model.ParameterLayout().ParameterLength, result.CheckedCount + result.KinkCount);
            Assert.InRange(result.KinkCount, 0, name.StartsWith("max", StringComparison.Ordinal) ? result.CheckedCount / 10 : 0);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ComputeGradients_AnyCutThreadsAndWidths_CombineToTheSameBits(string name)
    {
        const int Shards = 6;
        var model = Model(name);
        var images = TestData.Images(1, 40, 36, 4);
        var order = Sampler.Permutation(seed: 1, epoch: 0, 40);
        using var parameters = model.InitialParameters(seed: 2);
        var pools = new PartialPools(parameters.Layout.Length);
        var batch = new BatchPositions(0, 0, 3, 23);
        var expected = Run(new ReferenceKernels<float>(), threads: 1, [new(0, Shards)]);
        foreach (var kernels in VectorKernels.All)
        {
            Floats.AssertSameBits(expected, Run(kernels, threads: 1, [new(0, Shards)]), $"{name}, {kernels.VectorBits} bits");
            Floats.AssertSameBits(expected, Run(kernels, threads: 3, [new(3, Shards), new(0, 3)]), $"{name}, {kernels.VectorBits} bits, cut");
        }

        float[] Run(Kernels<float> kernels, int threads, ShardRange[] ranges)
        {
            using var computation = new ShardComputation(model, seed: 1, kernels, threads, pools);
            computation.UseParameters(parameters.Pointer);
            var tree = new PartialTree(kernels, pools.Training);
            tree.Reset(Shards);
            var partials = new List<Partial>();
            foreach (var range in ranges)
            {
                computation.ComputeGradients(images, order, batch, Shards, range, partials);
            }

            partials.ForEach(tree.Add);
            var root = tree.TakeRoot()!;
            var gradient = root.Gradient.Span.ToArray();
            pools.Training.Return(root);
            return gradient;
        }
    }

    [Fact]
    public void Flatten_ForwardAndBackward_PassTheSameMemoryOn()
    {
        using var flatten = new FlattenSpec().Build(VectorKernels.Best, new Shape(2, 3, 4), default);
        using var memory = GuardedBuffer.OfRows(Floats.Random(1, 24), 1, 24, out var x);
        Assert.Equal(new Shape(24), flatten.OutputShape);
        Assert.True(flatten.Forward(x, ForwardPass.Evaluation).Data == x.Data);
        Assert.True(flatten.Backward(x, default, inputGradientWanted: true).Data == x.Data);
        Assert.True(flatten.Backward(x, default, inputGradientWanted: false).Data is null);
    }

    [Fact]
    public void Steps_AfterTheFirst_AllocateNothing()
    {
        var model = new ModelSpec("m", [2, 9, 9], [
            new ConvolutionSpec(5, 3, Padding: 1), new MaxPoolingSpec(2), new ConvolutionSpec(6, 3, Stride: 2, Padding: 1),
            new AveragePoolingSpec(2, Stride: 1, Padding: 1), new GlobalAveragePoolingSpec(), new FlattenSpec(), new AffineSpec(4)]);
        using var parameters = model.InitialParameters(seed: 2);
        using var network = new Network<float>(model, VectorKernels.Best);
        using var gradient = new GuardedBuffer(parameters.Layout.Length);
        using var memory = GuardedBuffer.OfRows(Floats.Random(1, 8 * 162), 8, 162, out var x);
        var plan = new FoldPlan(4, new ShardRange(0, 4), 8);
        byte[] labels = [0, 1, 2, 3, 0, 1, 2, 3];
        Step();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Step();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Step()
        {
            var buffer = gradient.Pointer;
            network.UseParameters(parameters.Pointer);
            network.Gradients(x, labels, ForwardPass.Training(plan, 1, 0), new GradientFold<float>(plan, &buffer), out _);
        }
    }

    private static ModelSpec Model(string name) => new(
        "test", [1, 6, 6], [new ConvolutionSpec(2, 3, Padding: 1, Initializer: InitializerKind.Xavier), new TanhSpec(), .. Middles[name], new AffineSpec(4)]);
}
