using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Bench.Kernels;

/// <summary>
/// Everything that a step does to memory with little arithmetic, twice: from the second-level cache, where the small networks' data is, and from
/// memory. The work is the bytes that must move: each operand once, read or written; one that is changed in place counts as both.
/// </summary>
internal static unsafe class MemoryCases
{
    public const string Group = "memory";

    private const int Shards = 8;

    /// <summary>A channel of images, as the networks for digits have them after the first convolution.</summary>
    private static readonly Shape Image = new(16, 28, 28);

    /// <summary>Total size of a case's operands: within any second-level cache; beyond any last-level one that a core has to itself.</summary>
    private static readonly (string Place, long Bytes)[] Footprints = [("in L2", 256 << 10), ("in memory", 128 << 20)];

    public static IEnumerable<KernelCase> All() => Footprints.SelectMany(footprint =>
        Updates(footprint.Place, footprint.Bytes)
            .Concat(Elementwise(footprint.Place, footprint.Bytes))
            .Concat(Images(footprint.Place, footprint.Bytes))
            .Concat(Rows(footprint.Place, footprint.Bytes))
            .Concat(Packing(footprint.Place, footprint.Bytes)));

    private static KernelCase Case(
        string kernel, string place, StreamMix mix, long footprint, double bytes, Func<Kernels<float>, Workbench, Action> prepare) =>
        new(Group, kernel, place, new StreamLimit(mix, footprint), bytes, prepare);

    private static IEnumerable<KernelCase> Updates(string place, long footprint)
    {
        return
        [
            Of("sgd", StreamMix.ReadAndChangeOne, 2),
            Of("momentum", StreamMix.ReadAndChangeTwo, 3),
            Of("adam", StreamMix.ReadAndChangeThree, 4),
        ];

        KernelCase Of(string name, StreamMix mix, int arrays)
        {
            var count = Count(footprint, arrays);
            // All are read, all but the gradient are written.
            var bytes = (double)sizeof(float) * ((2 * arrays) - 1) * count;
            return Case($"update, {name}", place, mix, footprint, bytes, (kernels, bench) =>
            {
                var layout = new ParameterLayout([("weight", new Shape(count))]);
                var optimizer = bench.Own(Optimizer.Create(new OptimizerSpec(name, LearningRate: 1e-4), kernels, layout));
                var (parameters, gradient) = (bench.Filled(count), bench.Filled(count));
                return () => optimizer.Step(parameters.Pointer, gradient.Pointer, sampleCount: 100, learningRate: 1e-4);
            });
        }
    }

    private static IEnumerable<KernelCase> Elementwise(string place, long footprint)
    {
        var (one, two) = (Count(footprint, 1), Count(footprint, 2));
        var pixels = (int)(footprint / 5);
        return
        [
            Case("add in place", place, StreamMix.ReadAndChangeOne, footprint, 12d * two, (kernels, bench) =>
            {
                var (left, right) = (bench.Filled(two), bench.Filled(two));
                return () => kernels.AddInPlace(left.Pointer, right.Pointer, two);
            }),
            Case("all finite", place, StreamMix.Read, footprint, 4d * one, (kernels, bench) =>
            {
                var values = bench.Filled(one);
                return () => kernels.AllFinite(values.Pointer, one);
            }),
            Case("sum of squares", place, StreamMix.Read, footprint, 4d * one, (kernels, bench) =>
            {
                var values = bench.Filled(one);
                return () => kernels.SumOfSquares(values.Pointer, one);
            }),
            Case("parameter digest", place, StreamMix.Read, footprint, 4d * one, (_, bench) =>
            {
                var values = bench.Filled(one);
                return () => HashChain.Next(0, 0, values.Span);
            }),
            Case("relu forward", place, StreamMix.Copy, footprint, 8d * two, (kernels, bench) =>
            {
                var (input, output) = (bench.Filled(two), bench.Filled(two));
                return () => kernels.Map(default(ReluForward), input.Pointer, output.Pointer, two);
            }),
            Case("relu backward", place, StreamMix.ReadAndChangeOne, footprint, 12d * two, (kernels, bench) =>
            {
                var (gradient, output) = (bench.Filled(two), bench.Filled(two));
                return () => kernels.Map(default(ReluBackward), gradient.Pointer, output.Pointer, gradient.Pointer, two);
            }),
            Case("bytes to unit", place, StreamMix.Copy, footprint, 5d * pixels, (kernels, bench) =>
            {
                var (bytes, values) = (bench.Own(new AlignedBuffer<byte>(pixels)), bench.Filled(pixels));
                return () => kernels.BytesToUnit(bytes.Pointer, values.Pointer, pixels);
            }),
        ];
    }

    private static IEnumerable<KernelCase> Images(string place, long footprint)
    {
        var windows = new ImageWindows(Image[0], Image[1], Image[2], 2, 2, 2, 0);
        var (inputs, outputs) = (Image.Size, Image[0] * windows.OutputPixels);
        var rows = (int)Math.Max(1, footprint / sizeof(float) / (inputs + (2 * outputs)));
        // Forward writes the maxima and where they were; backward reads both.
        var pooled = (double)sizeof(float) * rows * (inputs + (2 * outputs));
        var images = (int)Math.Max(2, footprint / sizeof(float) / (3L * inputs));
        var shards = Math.Min(Shards, images / 2);
        var plan = new FoldPlan(shards, new ShardRange(0, shards), images);
        var normalized = (double)sizeof(float) * 3 * images * inputs;
        // Forward reads its input, writes its output and the normalised values; backward reads those and changes the gradient.
        return
        [
            Case("max pooling 2x2, forward", place, StreamMix.Copy, footprint, pooled, (kernels, bench) =>
            {
                var (input, output, winners) = (bench.Rows(rows, inputs), bench.Rows(rows, outputs), bench.Rows(rows, outputs));
                return () => kernels.MaxPool(input, windows, output, winners);
            }),
            Case("max pooling 2x2, backward", place, StreamMix.Copy, footprint, pooled, (kernels, bench) =>
            {
                var (outputGradient, winners, inputGradient) = (bench.Rows(rows, outputs), bench.Rows(rows, outputs), bench.Rows(rows, inputs));
                kernels.MaxPool(bench.Rows(rows, inputs), windows, bench.Rows(rows, outputs), winners);
                return () => kernels.MaxPoolGradient(outputGradient, winners, windows, inputGradient);
            }),
            Case("batch normalisation, forward", place, StreamMix.Copy, footprint, normalized, (kernels, bench) =>
            {
                var (layer, input) = (Normalization(kernels, bench), bench.Rows(images, inputs));
                return () => layer.Forward(input, ForwardPass.Training(plan, seed: 1, step: 0));
            }),
            Case("batch normalisation, backward", place, StreamMix.ReadAndChangeOne, footprint, normalized, (kernels, bench) =>
            {
                var (layer, gradient) = (Normalization(kernels, bench), bench.Rows(images, inputs));
                layer.Forward(bench.Rows(images, inputs), ForwardPass.Training(plan, seed: 1, step: 0));
                var nodes = bench.OneNode(4 * Image[0]);
                return () => layer.Backward(gradient, new GradientFold<float>(plan, nodes), inputGradientWanted: true);
            }),
        ];
    }

    private static BatchNormalization<float> Normalization(Kernels<float> kernels, Workbench bench)
    {
        var channels = Image[0];
        var offsets = new BatchNormalizationOffsets(0, channels, 2 * channels, 3 * channels);
        var layer = bench.Own(new BatchNormalization<float>(kernels, Image, channels, epsilon: 1e-5f, offsets));
        layer.UseParameters(bench.Filled(4 * channels).Pointer);
        return layer;
    }

    private static IEnumerable<KernelCase> Rows(string place, long footprint)
    {
        const int Classes = 10;
        const int Units = 100;
        var rows = (int)(footprint / sizeof(float) / RowLayout.StrideFor(Classes));
        var samples = (int)(footprint / sizeof(float) / RowLayout.StrideFor(Units));
        return
        [
            Case("softmax with cross-entropy, 10 classes", place, StreamMix.Copy, footprint, 8d * rows * Classes, (kernels, bench) =>
            {
                var (scores, losses) = (bench.Rows(rows, Classes), bench.Filled(rows));
                var labels = new byte[rows];
                return () => kernels.SoftmaxCrossEntropy(scores, labels, losses.Pointer, toGradient: true);
            }),
            Case("bias gradient, 100 units, 8 shards", place, StreamMix.Read, footprint, 4d * samples * Units, (kernels, bench) =>
            {
                var gradient = bench.Rows(samples, Units);
                var nodes = bench.OneNode(Units);
                var plan = new FoldPlan(Shards, new ShardRange(0, Shards), samples);
                return () => kernels.FoldedColumnSums(gradient, plan, nodes, 0);
            }),
        ];
    }

    private static IEnumerable<KernelCase> Packing(string place, long footprint)
    {
        const int Units = 100;
        var depth = Count(footprint, 2) / Units;
        return
        [
            Case("pack weights, forward", place, StreamMix.Copy, footprint, 8d * depth * Units, (kernels, bench) =>
            {
                var (weight, operand) = (bench.Filled(Units * depth), bench.Own(kernels.CreateOperand(depth, Units)));
                return () => kernels.PackTransposed(weight.Pointer, depth, operand);
            }),
            Case("pack weights, input gradient", place, StreamMix.Copy, footprint, 8d * depth * Units, (kernels, bench) =>
            {
                var (weight, operand) = (bench.Filled(Units * depth), bench.Own(kernels.CreateOperand(Units, depth)));
                return () => kernels.Pack(weight.Pointer, depth, operand);
            }),
        ];
    }

    /// <summary>Elements of each of some arrays.</summary>
    private static int Count(long footprint, int arrays) => (int)(footprint / sizeof(float) / arrays);
}
