using System.IO.Hashing;
using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Layers;

/// <summary>
/// Layers that do each other's work, or take turns a few samples at a time, against the same layers each on its own: the same scores and gradients, bit by
/// bit, one step after the other on the same network, NaN and −0 among the numbers.
/// </summary>
public sealed unsafe class FusionTests
{
    private const int Classes = 5;

    private static readonly Dictionary<string, ModelSpec> Models = new()
    {
        ["affine"] = new("m", [37], [new AffineSpec(21), new ReluSpec(), new AffineSpec(65), new ReluSpec(), new AffineSpec(Classes)]),
        ["rectified scores"] = new("m", [37], [new ReluSpec(), new AffineSpec(21), new ReluSpec(), new ReluSpec(), new AffineSpec(Classes), new ReluSpec()]),
        ["behind other layers"] = new(
            "m",
            [2, 9, 9],
            [
                new BatchNormalizationSpec(), new ReluSpec(), new ConvolutionSpec(3, 3, Padding: 1), new ReluSpec(), new BatchNormalizationSpec(), new ReluSpec(),
                new AveragePoolingSpec(2), new ReluSpec(), new MaxPoolingSpec(2), new ReluSpec(), new FlattenSpec(), new ReluSpec(), new AffineSpec(Classes),
            ]),
        ["convolutions"] = new(
            "m",
            [3, 12, 11],
            [
                new ConvolutionSpec(9, 3, Padding: 1), new ReluSpec(), new ConvolutionSpec(7, 3, Stride: 2, Padding: 1), new ReluSpec(),
                new ConvolutionSpec(4, 2, Stride: 3), new ReluSpec(), new AffineSpec(Classes),
            ]),
        // A few samples of the first convolution's results fill the block: the passes over the rows are several.
        ["pooled convolutions"] = new(
            "m",
            [1, 28, 28],
            [
                new ConvolutionSpec(17, 5), new ReluSpec(), new MaxPoolingSpec(2), new ConvolutionSpec(40, 3, Padding: 2), new MaxPoolingSpec(3, Stride: 2, Padding: 1),
                new ReluSpec(), new ConvolutionSpec(30, 3, Padding: 1), new ReluSpec(), new MaxPoolingSpec(3, Stride: 1, Padding: 1), new AffineSpec(Classes),
            ]),
        ["blocks"] = new(
            "m",
            [2, 8, 8],
            [
                new ConvolutionSpec(4, 3, Padding: 1), new ReluSpec(),
                new ResidualSpec([new ReluSpec(), new ConvolutionSpec(4, 3, Padding: 1), new ReluSpec(), new MaxPoolingSpec(3, Stride: 1, Padding: 1)]),
                new ReluSpec(),
                new ParallelSpec([
                    [new ConvolutionSpec(3, 1), new ReluSpec()], [new MaxPoolingSpec(3, Stride: 1, Padding: 1), new ReluSpec()],
                    [new ReluSpec(), new ConvolutionSpec(2, 3, Padding: 1), new MaxPoolingSpec(3, Stride: 1, Padding: 1)], []]),
                new ReluSpec(), new AffineSpec(Classes),
            ]),
    };

    /// <summary>Shards, their range and the samples: a whole batch, several nodes, empty shards, hardly any rows and none, more rows again.</summary>
    private static readonly FoldPlan[] Steps =
    [
        new(5, new ShardRange(0, 5), 23), new(7, new ShardRange(1, 7), 40), new(8, new ShardRange(1, 8), 5), new(4, new ShardRange(1, 2), 2),
        new(8, new ShardRange(0, 1), 3), new(1, new ShardRange(0, 1), 31),
    ];

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var name in Models.Keys)
            {
                cases.Add(name, 0);
                foreach (var kernels in VectorKernels.All)
                {
                    cases.Add(name, kernels.VectorBits);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_LayersPutTogether_AreThoseOfEachLayerOnItsOwn(string name, int vectorBits)
    {
        Kernels<float> kernels = vectorBits == 0 ? new ReferenceKernels<float>() : VectorKernels.All.Single(all => all.VectorBits == vectorBits);
        var model = Models[name];
        using var parameters = model.InitialParameters(seed: 3);
        Floats.Random(4, parameters.Layout.Length).AsSpan().CopyTo(parameters.Values);
        for (var i = 0; i < parameters.Values.Length; i++)
        {
            parameters.Values[i] = parameters.Values[i] == 0 ? -0f : MathF.CopySign(MathF.Min(MathF.Abs(parameters.Values[i]), 2f), parameters.Values[i]);
        }

        using var together = new Network<float>(model, kernels);
        using var apart = new Network<float>(model with { Layers = [.. model.Layers.Select(Apart)] }, kernels);
        together.UseParameters(parameters.Pointer);
        apart.UseParameters(parameters.Pointer);
        for (var step = 0; step < Steps.Length; step++)
        {
            var plan = Steps[step];
            var values = Floats.Random(step, plan.RowCount * model.Shapes()[0].Size);
            if (step % 2 == 1)
            {
                values[values.Length / 2] = float.NaN;
                values[values.Length / 3] = float.PositiveInfinity;
            }

            using var memory = GuardedBuffer.OfRows(values, plan.RowCount, model.Shapes()[0].Size, out var input);
            var what = $"{name}, {vectorBits} bits, step {step}";
            Floats.AssertSameBits(apart.Forward(input, ForwardPass.Evaluation), together.Forward(input, ForwardPass.Evaluation), $"{what}, evaluation");
            var (expected, actual) = (Gradients(apart, plan, input, parameters.Layout), Gradients(together, plan, input, parameters.Layout));
            // In the first step most elements are numbers to compare, not NaN or 0 throughout.
            Assert.True(step > 0 || expected.Max(values => values.Count(value => value != 0 && float.IsFinite(value))) > parameters.Layout.Length / 8, what);
            for (var node = 0; node < expected.Length; node++)
            {
                Floats.AssertSameBits(expected[node], actual[node], $"{what}, node {node}");
            }
        }
    }

    private static float[][] Gradients(Network<float> network, FoldPlan plan, Matrix<float> input, ParameterLayout layout)
    {
        var labels = Enumerable.Range(0, plan.RowCount).Select(row => (byte)(row % Classes)).ToArray();
        var buffers = plan.Nodes.Select(_ => new GuardedBuffer(layout.Length)).ToArray();
        var pointers = stackalloc float*[buffers.Length];
        for (var i = 0; i < buffers.Length; i++)
        {
            pointers[i] = buffers[i].Pointer;
        }

        network.Gradients(input, labels, ForwardPass.Training(plan, 1, 0), new GradientFold<float>(plan, pointers), out _);
        return [.. buffers.Select(buffer =>
        {
            buffer.AssertUntouchedOutside();
            var values = buffer.Values.ToArray();
            buffer.Dispose();
            return values;
        })];
    }

    /// <summary>The same layer, in which its neighbours see nothing they could do together.</summary>
    private static LayerSpec Apart(LayerSpec layer) => layer switch
    {
        ResidualSpec residual => residual with { Main = [.. residual.Main.Select(Apart)], Shortcut = [.. (residual.Shortcut ?? []).Select(Apart)] },
        ParallelSpec parallel => parallel with { Branches = [.. parallel.Branches.Select(path => (IReadOnlyList<LayerSpec>)[.. path.Select(Apart)])] },
        _ => new ApartSpec(layer),
    };

    private sealed record ApartSpec(LayerSpec Inner) : LayerSpec
    {
        public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) => Inner.Parameters(input);

        public override IReadOnlyList<BufferSpec> Buffers(Shape input) => Inner.Buffers(input);

        public override Shape OutputShape(Shape input) => Inner.OutputShape(input);

        public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
            new ApartLayer<T>(kernels, Inner.Build(kernels, input, place));
    }

    private sealed class ApartLayer<T>(Kernels<T> kernels, Layer<T> inner) : Layer<T>(kernels, inner.InputShape, inner.OutputShape)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public override void UseParameters(T* parameters) => inner.UseParameters(parameters);

        public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass) => inner.Forward(input, pass);

        public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted) =>
            inner.Backward(outputGradient, gradients, inputGradientWanted);

        public override void AppendBranches(XxHash128 branches) => inner.AppendBranches(branches);

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
