using System.Diagnostics;
using System.Globalization;
using DistTrain.Bench.Kernels;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

// Prints this machine's FMA peak and the matrix products of the two-layer network as a share of it. Peak and product are measured in turn,
// the best of each kept: a share above 100 % would be a broken measurement. With "convolutions": those of the catalogue's networks.
const int Rounds = 15;
if (args is ["convolutions", ..])
{
    foreach (var kernels in VectorKernels.All.Where(kernels => kernels.VectorBits <= VectorKernels.Best.VectorBits))
    {
        Convolutions.Measure(kernels, () => Peak(kernels.VectorBits));
    }

    return;
}

var (m, k, n) = args is [var sm, var sk, var sn] ? (Parse(sm), Parse(sk), Parse(sn)) : (100, 784, 100);

foreach (var kernels in VectorKernels.All.Where(kernels => kernels.VectorBits <= VectorKernels.Best.VectorBits))
{
    Measure(kernels, m, k, n);
}

static int Parse(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static double Peak(int bits) => bits switch
{
    512 => FmaPeak.Measure<Lanes512>(0.25f),
    256 => FmaPeak.Measure<Lanes256>(0.25f),
    _ => FmaPeak.Measure<Lanes128>(0.25f),
};

static unsafe void Measure(Kernels<float> kernels, int m, int k, int n)
{
    using var a = new AlignedBuffer<float>(m * RowLayout.StrideFor(k));
    using var weight = new AlignedBuffer<float>(n * k);
    using var gradient = new AlignedBuffer<float>(n * k);
    using var c = new AlignedBuffer<float>(m * RowLayout.StrideFor(n));
    Fill(a.Span);
    Fill(weight.Span);
    Fill(c.Span);
    using var operand = kernels.CreateOperand(k, n);
    kernels.PackTransposed(weight.Pointer, k, operand);
    var input = new Matrix<float>(a.Pointer, m, k, RowLayout.StrideFor(k));
    var output = new Matrix<float>(c.Pointer, m, n, RowLayout.StrideFor(n));
    var whole = new FoldPlan(8, new ShardRange(0, 8), m);
    var one = new FoldPlan(1, new ShardRange(0, 1), m);
    using var nodes = new AlignedBuffer<nint>(1);
    nodes.Span[0] = (nint)gradient.Pointer;
    var nodeBuffers = (float**)nodes.Pointer;
    var repeat = Math.Max(1, (int)(2e8 / (2d * m * k * n)));
    double peak = 0, product = 0, folded8 = 0, folded1 = 0, pack = 0;
    for (var round = 0; round < Rounds; round++)
    {
        peak = Math.Max(peak, Peak(kernels.VectorBits));
        product = Math.Max(product, Rate(() => kernels.Product(input, operand, null, output)));
        folded8 = Math.Max(folded8, Rate(() => kernels.FoldedProduct(output, input, whole, nodeBuffers, 0)));
        folded1 = Math.Max(folded1, Rate(() => kernels.FoldedProduct(output, input, one, nodeBuffers, 0)));
        pack = Math.Max(pack, Rate(() => kernels.PackTransposed(weight.Pointer, k, operand)));
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kernels.VectorBits} bits: FMA peak {peak:F0} GFLOP/s (one core)"));
    Row($"product {m}x{k}x{n}", product);
    Row($"weight gradient {n}x{m}x{k}, 8 shards", folded8);
    Row($"weight gradient {n}x{m}x{k}, 1 shard", folded1);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {"pack weights, transposed",-40} {2d * m * k * n / pack / 1e3,8:F1} us"));

    void Row(string name, double rate) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-40} {rate,8:F1} GFLOP/s  {rate / peak,6:P1} of peak"));

    double Rate(Action kernel)
    {
        kernel();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeat; i++)
        {
            kernel();
        }

        return 2d * m * k * n * repeat / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }
}

static void Fill(Span<float> values)
{
    for (var i = 0; i < values.Length; i++)
    {
        values[i] = ((i * 7919) % 1000 - 500) / 1000f;
    }
}
