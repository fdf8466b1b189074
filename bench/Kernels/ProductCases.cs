using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Bench.Kernels;

/// <summary>The matrix products of dense layers: forward, both gradients.</summary>
internal static unsafe class ProductCases
{
    public const string Group = "products";

    private static readonly int[] Batches = [25, 100, 1000];

    private static readonly (int Inputs, int Outputs)[] Layers = [(784, 100), (784, 1024), (1024, 1024), (4320, 100), (100, 10), (1024, 10)];

    public static IEnumerable<KernelCase> All() =>
        Layers.SelectMany(layer => Batches.SelectMany(batch => Of(batch, layer.Inputs, layer.Outputs))).Concat(Of(512, 1024, 1024));

    /// <summary>A dense layer of <paramref name="k"/> inputs and <paramref name="n"/> outputs over <paramref name="m"/> samples.</summary>
    public static IEnumerable<KernelCase> Of(int m, int k, int n)
    {
        return
        [
            Case("forward", (kernels, bench) =>
            {
                var (weight, bias) = (bench.Filled(n * k), bench.Filled(n));
                var operand = bench.Own(kernels.CreateOperand(k, n));
                kernels.PackTransposed(weight.Pointer, k, operand);
                return Product(kernels, bench.Rows(m, k), operand, bias.Pointer, bench.Rows(m, n));
            }),
            Case("weight gradient, 8 shards", (kernels, bench) => Fold(kernels, bench, shards: 8)),
            Case("weight gradient, 1 shard", (kernels, bench) => Fold(kernels, bench, shards: 1)),
            Case("input gradient", (kernels, bench) =>
            {
                var weight = bench.Filled(n * k);
                var operand = bench.Own(kernels.CreateOperand(n, k));
                kernels.Pack(weight.Pointer, k, operand);
                return Product(kernels, bench.Rows(m, n), operand, null, bench.Rows(m, k));
            }),
        ];

        KernelCase Case(string variant, Func<Kernels<float>, Workbench, Action> prepare) =>
            new(Group, $"{m}x{k}x{n}", variant, new FmaLimit(), 2d * m * k * n, prepare);

        Action Fold(Kernels<float> kernels, Workbench bench, int shards)
        {
            var (outputGradient, input) = (bench.Rows(m, n), bench.Rows(m, k));
            var plan = new FoldPlan(shards, new ShardRange(0, shards), m);
            var nodes = bench.OneNode(n * k);
            return () => kernels.FoldedProduct(outputGradient, input, plan, nodes, 0);
        }
    }

    private static Action Product(Kernels<float> kernels, Matrix<float> a, PackedOperand<float> b, float* bias, Matrix<float> c) =>
        () => kernels.Product(a, b, bias, c);
}
