using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Models;

/// <summary>
/// Every kind of layer through the one path of gradients: whoever computes which shards, with how many threads and at whatever vector width, the root of
/// the reduction tree has the bits of the reference kernels in one piece.
/// </summary>
public sealed unsafe class ModelBitsTests
{
    private const int Samples = 23;
    private const int Shards = 5;
    private const int Classes = 5;
    private const ulong Seed = 11;

    private static readonly Dictionary<string, ModelSpec> Models = new()
    {
        ["activations"] = Dense(new LeakyReluSpec(0.1f), new AffineSpec(19), new GeluSpec(), new AffineSpec(18), new SoftmaxSpec()),
        ["label smoothing"] = Dense(new ReluSpec()) with { Loss = new SoftmaxCrossEntropySpec(0.1f) },
        ["batch norm"] = Dense(new BatchNormalizationSpec(), new ReluSpec(), new AffineSpec(33), new BatchNormalizationSpec()),
        ["batch norm of an image"] = new ModelSpec("m", [3, 5, 7], [new BatchNormalizationSpec(), new ReluSpec(), new AffineSpec(Classes)]),
        ["the book's batch norm of an image"] = new ModelSpec("m", [3, 5, 7], [new BatchNormalizationSpec(PerPixel: true), new ReluSpec(), new AffineSpec(Classes)]),
        ["dropout"] = Dense(new DropoutSpec(0.3f), new AffineSpec(20), new DropoutSpec(0.5f, ScaleAtInference: true)),
        ["local response normalization"] = new ModelSpec("m", [5, 3, 7], [new LocalResponseNormalizationSpec(3, 0.5f), new AffineSpec(Classes)]),
        ["residual"] = Dense(
            new ResidualSpec([new AffineSpec(21), new DropoutSpec(0.2f)]), new ResidualSpec([new AffineSpec(9), new ReluSpec()], [new AffineSpec(9), new BatchNormalizationSpec()])),
        ["parallel"] = Dense(new ParallelSpec([[new AffineSpec(3), new ReluSpec()], [], [new DropoutSpec(0.1f), new AffineSpec(4)]])),
    };

    public static TheoryData<string> Names => [.. Models.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Partials_AnyWidthThreadsAndRanges_AreTheReferencesInOnePiece(string name)
    {
        var model = Models[name];
        var images = TestData.Images(3, Samples, model.Shapes()[0].Size, Classes);
        var (gradient, evaluation) = Compute(model, images, new ReferenceKernels<float>(), threads: 1, [Shards]);
        Assert.Contains(gradient, value => value != 0);
        foreach (var kernels in VectorKernels.All)
        {
            foreach (var (threads, cuts) in ((int, int[])[])[(1, [Shards]), (3, [Shards]), (1, [1, 2, 3, 4, Shards]), (2, [3, Shards])])
            {
                var what = $"{name}, {kernels.VectorBits} bits, {threads} threads, cuts {string.Join(' ', cuts)}";
                var (actual, actualEvaluation) = Compute(model, images, kernels, threads, cuts);
                Floats.AssertSameBits(gradient, actual, what);
                Assert.Equal(evaluation, actualEvaluation);
            }
        }
    }

    private static ModelSpec Dense(params LayerSpec[] middle) =>
        new("m", [37], [new AffineSpec(21), .. middle, new AffineSpec(Classes)]);

    /// <summary>The root's gradient, buffer sums and loss of a training step, from ranges that end at the cuts; and the sums of an evaluation.</summary>
    private static (float[] Gradient, (double, int) Evaluation) Compute(
        ModelSpec model, LabeledImages images, Kernels<float> kernels, int threads, int[] cuts)
    {
        using var parameters = model.InitialParameters(Seed);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(model, Seed, kernels, threads, pools);
        computation.UseParameters(parameters.Pointer);
        var tree = new PartialTree(kernels, pools.Training);
        tree.Reset(Shards);
        var partials = new List<Partial>();
        var order = Sampler.Permutation(Seed, epoch: 0, Samples);
        var start = 0;
        foreach (var end in cuts)
        {
            computation.ComputeGradients(images, order, Sampler.Batch(0, Samples, Samples), Shards, new ShardRange(start, end), partials);
            start = end;
        }

        partials.ForEach(tree.Add);
        using var root = tree.TakeRoot()!;
        float[] gradient = [.. root.Gradient.Span, (float)root.LossSum];
        partials.Clear();
        computation.Evaluate(images, 1, new ShardRange(0, 1), partials);
        using var evaluation = partials.Single();
        return (gradient, (evaluation.LossSum, evaluation.CorrectCount));
    }
}
