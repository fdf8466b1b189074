using CsCheck;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>Pooling and channel sums of every width against the reference's, in guarded memory.</summary>
public sealed unsafe class PoolingKernelTests
{
    private static readonly ReferenceKernels<float> Reference = new();

    public static TheoryData<int> VectorBits => [.. VectorKernels.All.Select(kernels => kernels.VectorBits)];

    private static Gen<ImageWindows> AnyPairs { get; } =
        from channels in Gen.Int[1, 3]
        from height in Gen.Int[2, 9]
        from width in Gen.Int[2, 40]
        select new ImageWindows(channels, height, width, 2, 2, 2, 0);

    private static Gen<ImageWindows> AnyWindows { get; } =
        from channels in Gen.Int[1, 3]
        from height in Gen.Int[3, 9]
        from width in Gen.Int[3, 20]
        from kernelHeight in Gen.Int[1, 3]
        from kernelWidth in Gen.Int[1, 3]
        from stride in Gen.Int[1, 4]
        from padding in Gen.Int[0, Math.Min(kernelHeight, kernelWidth) / 2]
        select new ImageWindows(channels, height, width, kernelHeight, kernelWidth, stride, padding);

    private static Gen<(ImageWindows Windows, int Rows, bool Wild, int Seed)> Cases { get; } =
        Gen.Select(Gen.OneOf(AnyPairs, AnyWindows), Gen.Int[0, 3], Gen.Bool, Gen.Int);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void MaxPool_AnyWindows_HasTheReferencesBitsAndWinners(int vectorBits) => Cases.Sample(
        at =>
        {
            var (w, rows, wild, seed) = at;
            // Few different values: most windows have a tie.
            var values = Values(wild, seed, rows * w.Channels * w.InputPixels).Select(value => wild ? value : MathF.Round(value)).ToArray();
            using var input = GuardedBuffer.OfRows(values, rows, w.Channels * w.InputPixels, out var x);
            using var expected = GuardedBuffer.OfRows([], rows, w.Channels * w.OutputPixels, out var y);
            using var expectedWinners = GuardedBuffer.OfRows([], rows, w.Channels * w.OutputPixels, out var winners);
            using var actual = GuardedBuffer.OfRows([], rows, w.Channels * w.OutputPixels, out var z);
            using var actualWinners = GuardedBuffer.OfRows([], rows, w.Channels * w.OutputPixels, out var otherWinners);
            Reference.MaxPool(x, w, y, winners);
            Of(vectorBits).MaxPool(x, w, z, otherWinners);
            actual.AssertUntouchedOutside();
            actualWinners.AssertUntouchedOutside();
            Floats.AssertSameBits(y, z, $"{w}");
            Floats.AssertSameBits(winners, otherWinners, $"{w}, winners");

            using var gradient = GuardedBuffer.OfRows(Values(wild, seed + 1, rows * y.Columns), rows, y.Columns, out var dy);
            Check(rows, x.Columns, vectorBits, (kernels, result) => kernels.MaxPoolGradient(dy, winners, w, result), $"{w}, gradient");
        },
        iter: 300);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void AveragePool_AnyWindows_HasTheReferencesBits(int vectorBits) => Cases.Sample(
        at =>
        {
            var (w, rows, wild, seed) = at;
            var (inputs, outputs) = (w.Channels * w.InputPixels, w.Channels * w.OutputPixels);
            using var input = GuardedBuffer.OfRows(Values(wild, seed, rows * inputs), rows, inputs, out var x);
            using var gradient = GuardedBuffer.OfRows(Values(wild, seed + 1, rows * outputs), rows, outputs, out var dy);
            Check(rows, outputs, vectorBits, (kernels, result) => kernels.AveragePool(x, w, result), $"{w}");
            Check(rows, inputs, vectorBits, (kernels, result) => kernels.AveragePoolGradient(dy, w, result), $"{w}, gradient");
        },
        iter: 300);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void ChannelSumsDotsAndMeans_AllPixelCounts_HaveTheReferencesBits(int vectorBits)
    {
        for (var pixels = 1; pixels <= 70; pixels++)
        {
            foreach (var (channels, rows) in new[] { (1, 3), (3, 2), (17, 2), (37, 1), (4, 0) })
            {
                var wild = pixels % 2 == 0;
                using var left = GuardedBuffer.OfRows(Values(wild, pixels, rows * channels * pixels), rows, channels * pixels, out var a);
                using var right = GuardedBuffer.OfRows(Tiny(pixels + 1, rows * channels * pixels), rows, channels * pixels, out var b);
                using var gradient = GuardedBuffer.OfRows(Values(wild, pixels, rows * channels), rows, channels, out var dy);
                var what = $"{channels} channels of {pixels}";
                Check(rows, channels, vectorBits, (kernels, result) => kernels.ChannelSums(a, channels, result), $"{what}, sums");
                Check(rows, channels, vectorBits, (kernels, result) => kernels.ChannelDots(a, b, channels, result), $"{what}, dots");
                Check(rows, channels, vectorBits, (kernels, result) => kernels.GlobalAveragePool(a, channels, result), $"{what}, means");
                Check(
                    rows, channels * pixels, vectorBits, (kernels, result) => kernels.GlobalAveragePoolGradient(dy, channels, result), $"{what}, gradient");
            }
        }
    }

    [Fact]
    public void MaxPool_TiesNaNsAndPadding_FirstGreaterWinsThenTheFirstNaN()
    {
        // Windows of 2 × 2 with padding 1 over a row of three: (−∞), (−∞, 5), (5, NaN), (NaN); the other rows are padding.
        var w = new ImageWindows(1, 1, 3, 2, 2, 1, 1);
        foreach (var kernels in VectorKernels.All.Append<Kernels<float>>(Reference))
        {
            using var input = GuardedBuffer.OfRows([float.NegativeInfinity, 5, float.NaN], 1, 3, out var x);
            using var output = GuardedBuffer.OfRows([], 1, 8, out var y);
            using var places = GuardedBuffer.OfRows([], 1, 8, out var winners);
            kernels.MaxPool(x, w, y, winners);
            float[] row = [float.NegativeInfinity, 5, float.NaN, float.NaN];
            Assert.Equal([.. row, .. row], y.Row(0).ToArray());
            Assert.Equal([3, 3, 3, 2, 1, 1, 1, 0], winners.Row(0).ToArray());
        }
    }

    [Fact]
    public void MaxPool_EqualElements_TheFirstWins()
    {
        foreach (var kernels in VectorKernels.All.Append<Kernels<float>>(Reference))
        {
            // 2 × 10: five windows; in each another two elements are the largest, and −0 is not below +0.
            using var input = GuardedBuffer.OfRows([7, 7, 1, 7, 1, 1, -0f, 0f, 1, 7, 1, 1, 7, 1, 7, 7, 0f, -0f, 7, 1], 1, 20, out var x);
            using var output = GuardedBuffer.OfRows([], 1, 5, out var y);
            using var places = GuardedBuffer.OfRows([], 1, 5, out var winners);
            kernels.MaxPool(x, new ImageWindows(1, 2, 10, 2, 2, 2, 0), y, winners);
            Floats.AssertSameBits([7, 7, 7, -0f, 7], y.Row(0), "values");
            Assert.Equal([0, 1, 2, 0, 1], winners.Row(0).ToArray());
        }
    }

    private static Kernels<float> Of(int vectorBits) => VectorKernels.All.Single(kernels => kernels.VectorBits == vectorBits);

    private static float[] Values(bool wild, int seed, int count) => wild ? Floats.Wild(seed, count) : Floats.Random(seed, count);

    /// <summary>Of both signs and so small that products underflow to zeros of both signs.</summary>
    private static float[] Tiny(int seed, int count) => [.. Floats.Random(seed, count).Select((value, i) => i % 3 == 0 ? value : value * 1e-40f)];

    private static void Check(int rows, int columns, int vectorBits, Action<Kernels<float>, Matrix<float>> run, string what)
    {
        using var expected = GuardedBuffer.OfRows([], rows, columns, out var expectedRows);
        using var actual = GuardedBuffer.OfRows([], rows, columns, out var actualRows);
        run(Reference, expectedRows);
        run(Of(vectorBits), actualRows);
        actual.AssertUntouchedOutside();
        Floats.AssertSameBits(expectedRows, actualRows, what);
    }
}
