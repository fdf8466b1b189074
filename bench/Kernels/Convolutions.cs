using System.Diagnostics;
using System.Globalization;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Bench.Kernels;

/// <summary>The catalogue's convolutions, forward and both gradients, as shares of the FMA peak. Only wanted multiply-adds count.</summary>
internal static unsafe class Convolutions
{
    private const int Rows = 32;
    private const int Rounds = 9;

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

    public static void Measure(Kernels<float> kernels, Func<double> peak)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kernels.VectorBits} bits, {Rows} rows: forward, weight gradient (8 shards), input gradient"));
        foreach (var (name, windows, filters) in Shapes)
        {
            Measure(kernels, peak, name, windows, filters);
        }
    }

    private static void Measure(Kernels<float> kernels, Func<double> measurePeak, string name, ImageWindows w, int filters)
    {
        using var input = Filled(Rows * RowLayout.StrideFor(w.Channels * w.InputPixels));
        using var output = Filled(Rows * RowLayout.StrideFor(filters * w.OutputPixels));
        using var weight = Filled(filters * w.Channels * w.WindowSize);
        using var gradient = Filled(weight.Length);
        using var workspace = kernels.CreateConvolution(w, filters);
        var x = new Matrix<float>(input.Pointer, Rows, w.Channels * w.InputPixels, RowLayout.StrideFor(w.Channels * w.InputPixels));
        var y = new Matrix<float>(output.Pointer, Rows, filters * w.OutputPixels, RowLayout.StrideFor(filters * w.OutputPixels));
        var plan = new FoldPlan(8, new ShardRange(0, 8), Rows);
        using var nodes = new AlignedBuffer<nint>(1);
        nodes.Span[0] = (nint)gradient.Pointer;
        var flops = 2d * Rows * filters * w.OutputPixels * w.Channels * w.WindowSize;
        // An input element has the windows of one phase only; those outside of the output count, as zeros outside the image do forward.
        var gradientFlops = 2d * Rows * filters * w.Channels * w.InputPixels * w.WindowSize / (w.Stride * w.Stride);
        double peak = 0, forward = 0, byWeight = 0, byInput = 0;
        for (var round = 0; round < Rounds; round++)
        {
            peak = Math.Max(peak, measurePeak());
            forward = Math.Max(forward, Rate(flops, () => kernels.Convolution(x, weight.Pointer, null, workspace, y)));
            byWeight = Math.Max(
                byWeight, Rate(flops, () => kernels.ConvolutionWeightGradient(y, x, workspace, plan, (float**)nodes.Pointer, 0)));
            Fill(output.Span);
            byInput = Math.Max(byInput, Rate(gradientFlops, () => kernels.ConvolutionInputGradient(y, weight.Pointer, workspace, x)));
            Fill(input.Span);
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {name,-40} {forward,6:F1} GFLOP/s {forward / peak,5:P0}   {byWeight,6:F1} {byWeight / peak,5:P0}   {byInput,6:F1} {byInput / peak,5:P0}"));
    }

    private static double Rate(double flops, Action kernel)
    {
        var repeat = Math.Max(1, (int)(3e8 / flops));
        kernel();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeat; i++)
        {
            kernel();
        }

        return flops * repeat / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    private static AlignedBuffer<float> Filled(int length)
    {
        var buffer = new AlignedBuffer<float>(length);
        Fill(buffer.Span);
        return buffer;
    }

    private static void Fill(Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (((i * 7919) % 1000) - 500) / 1000f;
        }
    }
}
