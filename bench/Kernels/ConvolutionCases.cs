using DistTrain.Core.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Bench.Kernels;

/// <summary>The catalogue's convolutions: forward, both gradients.</summary>
internal static unsafe class ConvolutionCases
{
    public const string Group = "convolutions";

    private const int Rows = 32;
    private const int Shards = 8;

    private static readonly (string Name, ImageWindows Windows, int Filters)[] Shapes =
    [
        ("simple-convnet 1x28x28, 30 of 5x5", new(1, 28, 28, 5, 5, 1, 0), 30),
        ("deep-convnet 1 1x28x28, 16 of 3x3", new(1, 28, 28, 3, 3, 1, 1), 16),
        ("deep-convnet 2 16x28x28, 16 of 3x3", new(16, 28, 28, 3, 3, 1, 1), 16),
        ("deep-convnet 3 16x14x14, 32 of 3x3", new(16, 14, 14, 3, 3, 1, 1), 32),
        ("deep-convnet 4 32x14x14, 32 of 3x3 p2", new(32, 14, 14, 3, 3, 1, 2), 32),
        ("deep-convnet 5 32x8x8, 64 of 3x3", new(32, 8, 8, 3, 3, 1, 1), 64),
        ("deep-convnet 6 64x8x8, 64 of 3x3", new(64, 8, 8, 3, 3, 1, 1), 64),
        ("resnet-20 32x14x14, 32 of 3x3", new(32, 14, 14, 3, 3, 1, 1), 32),
        ("resnet-20 64x7x7, 64 of 3x3", new(64, 7, 7, 3, 3, 1, 1), 64),
        ("resnet-20 16x28x28, 32 of 3x3 s2", new(16, 28, 28, 3, 3, 2, 1), 32),
        ("resnet-20 32x14x14, 64 of 3x3 s2", new(32, 14, 14, 3, 3, 2, 1), 64),
        ("lenet-5 6x14x14, 16 of 5x5", new(6, 14, 14, 5, 5, 1, 0), 16),
    ];

    public static IEnumerable<KernelCase> All() => Shapes.SelectMany(shape => Of(shape.Name, shape.Windows, shape.Filters));

    private static KernelCase[] Of(string name, ImageWindows w, int filters)
    {
        var flops = 2d * Rows * filters * w.OutputPixels * w.Channels * w.WindowSize;
        // An input element has the windows of one phase only; those outside of the output count, as zeros outside the image do forward.
        var inputFlops = 2d * Rows * filters * w.Channels * w.InputPixels * w.WindowSize / (w.Stride * w.Stride);
        var (inputs, outputs, weights) = (w.Channels * w.InputPixels, filters * w.OutputPixels, filters * w.Channels * w.WindowSize);
        KernelCase[] cases =
        [
            Case("forward", flops, (kernels, bench) =>
            {
                var (input, weight, output) = (bench.Rows(Rows, inputs), bench.Filled(weights), bench.Rows(Rows, outputs));
                var workspace = bench.Own(kernels.CreateConvolution(w, filters));
                return () => kernels.Convolution(input, weight.Pointer, null, workspace, output);
            }),
            Case("weight gradient, 8 shards", flops, (kernels, bench) =>
            {
                var (outputGradient, input) = (bench.Rows(Rows, outputs), bench.Rows(Rows, inputs));
                var workspace = bench.Own(kernels.CreateConvolution(w, filters));
                var plan = new FoldPlan(Shards, new ShardRange(0, Shards), Rows);
                var nodes = bench.OneNode(weights);
                return () => kernels.ConvolutionWeightGradient(outputGradient, input, workspace, plan, nodes, 0);
            }),
            Case("input gradient", inputFlops, (kernels, bench) =>
            {
                var (outputGradient, weight, inputGradient) = (bench.Rows(Rows, outputs), bench.Filled(weights), bench.Rows(Rows, inputs));
                var workspace = bench.Own(kernels.CreateConvolution(w, filters));
                return () => kernels.ConvolutionInputGradient(outputGradient, weight.Pointer, workspace, inputGradient);
            }),
        ];
        // One channel is a digit: the first layer, which has nobody to hand an input gradient to.
        return w.Channels == 1 ? cases[..^1] : cases;

        KernelCase Case(string variant, double work, Func<Kernels<float>, Workbench, Action> prepare) =>
            new(Group, name, variant, new FmaLimit(), work, prepare);
    }
}
