using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Core.Kernels;

/// <summary>
/// Pooling by the usual windows of 2 × 2 with stride 2, one channel at a time, four or eight windows at once: taking neighbours apart is cheap there.
/// </summary>
internal static unsafe class PoolingOfPairs
{
    /// <summary>Pairs at once of <see cref="LoadPairs"/>.</summary>
    public const int Lanes = 4;

    private const int WideLanes = 8;

    /// <summary>Whether windows are of this kind.</summary>
    public static bool Fits(ImageWindows w) => w is { KernelHeight: 2, KernelWidth: 2, Stride: 2, Padding: 0 };

    /// <summary><see cref="Kernels{T}.MaxPool"/></summary>
    public static void Max(float* image, ImageWindows w, float* output, float* winners)
    {
        var (height, width) = (w.OutputHeight, w.OutputWidth);
        for (var y = 0; y < height; y++, output += width, winners += width)
        {
            var upper = image + ((nint)(2 * y) * w.Width);
            var lower = upper + w.Width;
            var x = 0;
            for (; IsWide(width) && x < width; x += WideLanes)
            {
                var at = Math.Min(x, width - WideLanes);
                WideMax(upper + (2 * at), lower + (2 * at), output + at, winners + at);
            }

            for (; x <= width - Lanes; x += Lanes)
            {
                var (best, tap1) = LoadPairs(upper + (2 * x));
                var (tap2, tap3) = LoadPairs(lower + (2 * x));
                var winner = Vector128<float>.Zero;
                Challenge(ref best, ref winner, tap1, 1f);
                Challenge(ref best, ref winner, tap2, 2f);
                Challenge(ref best, ref winner, tap3, 3f);
                best.Store(output + x);
                winner.Store(winners + x);
            }

            for (; x < width; x++)
            {
                var (best, winner) = (upper[2 * x], 0f);
                PoolingOfWindows.Challenge(ref best, ref winner, upper[(2 * x) + 1], 1f);
                PoolingOfWindows.Challenge(ref best, ref winner, lower[2 * x], 2f);
                PoolingOfWindows.Challenge(ref best, ref winner, lower[(2 * x) + 1], 3f);
                (output[x], winners[x]) = (best, winner);
            }
        }
    }

    /// <summary><see cref="Kernels{T}.MaxPoolGradient"/></summary>
    public static void MaxGradient(float* gradient, float* winners, ImageWindows w, float* image)
    {
        var (height, width) = (w.OutputHeight, w.OutputWidth);
        ClearEdges(w, image);
        for (var y = 0; y < height; y++, gradient += width, winners += width)
        {
            var upper = image + ((nint)(2 * y) * w.Width);
            var lower = upper + w.Width;
            var x = 0;
            for (; IsWide(width) && x < width; x += WideLanes)
            {
                var at = Math.Min(x, width - WideLanes);
                WideMaxGradient(gradient + at, winners + at, upper + (2 * at), lower + (2 * at));
            }

            for (; x <= width - Lanes; x += Lanes)
            {
                // A sum that starts from +0: a gradient of −0 becomes +0.
                var term = Vector128.Load(gradient + x) + Vector128<float>.Zero;
                var winner = Vector128.Load(winners + x);
                StorePairs(Where(0f), Where(1f), upper + (2 * x));
                StorePairs(Where(2f), Where(3f), lower + (2 * x));

                Vector128<float> Where(float tap) => Vector128.Equals(winner, Vector128.Create(tap)) & term;
            }

            for (; x < width; x++)
            {
                upper[2 * x] = winners[x] == 0f ? 0f + gradient[x] : 0f;
                upper[(2 * x) + 1] = winners[x] == 1f ? 0f + gradient[x] : 0f;
                lower[2 * x] = winners[x] == 2f ? 0f + gradient[x] : 0f;
                lower[(2 * x) + 1] = winners[x] == 3f ? 0f + gradient[x] : 0f;
            }
        }
    }

    /// <summary><see cref="Kernels{T}.AveragePool"/></summary>
    public static void Average(float* image, ImageWindows w, float* output)
    {
        var (height, width) = (w.OutputHeight, w.OutputWidth);
        for (var y = 0; y < height; y++, output += width)
        {
            var upper = image + ((nint)(2 * y) * w.Width);
            var lower = upper + w.Width;
            var x = 0;
            for (; x <= width - Lanes; x += Lanes)
            {
                var (tap0, tap1) = LoadPairs(upper + (2 * x));
                var (tap2, tap3) = LoadPairs(lower + (2 * x));
                ((Vector128<float>.Zero + tap0 + tap1 + tap2 + tap3) / Vector128.Create(4f)).Store(output + x);
            }

            for (; x < width; x++)
            {
                output[x] = (0f + upper[2 * x] + upper[(2 * x) + 1] + lower[2 * x] + lower[(2 * x) + 1]) / 4f;
            }
        }
    }

    /// <summary><see cref="Kernels{T}.AveragePoolGradient"/></summary>
    public static void AverageGradient(float* gradient, ImageWindows w, float* image)
    {
        var (height, width) = (w.OutputHeight, w.OutputWidth);
        ClearEdges(w, image);
        for (var y = 0; y < height; y++, gradient += width)
        {
            var upper = image + ((nint)(2 * y) * w.Width);
            var lower = upper + w.Width;
            var x = 0;
            for (; x <= width - Lanes; x += Lanes)
            {
                var term = Vector128<float>.Zero + (Vector128.Load(gradient + x) / Vector128.Create(4f));
                StorePairs(term, term, upper + (2 * x));
                StorePairs(term, term, lower + (2 * x));
            }

            for (; x < width; x++)
            {
                var term = 0f + (gradient[x] / 4f);
                (upper[2 * x], upper[(2 * x) + 1], lower[2 * x], lower[(2 * x) + 1]) = (term, term, term, term);
            }
        }
    }

    /// <summary>Whether eight at once are to be had; the last eight then overlap those before them.</summary>
    private static bool IsWide(int width) => Avx2.IsSupported && width >= WideLanes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WideMax(float* upper, float* lower, float* output, float* winners)
    {
        var (best, tap1) = LoadWidePairs(upper);
        var (tap2, tap3) = LoadWidePairs(lower);
        var winner = Vector256<float>.Zero;
        Challenge(ref best, ref winner, tap1, 1f);
        Challenge(ref best, ref winner, tap2, 2f);
        Challenge(ref best, ref winner, tap3, 3f);
        InOrder(best).Store(output);
        InOrder(winner).Store(winners);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WideMaxGradient(float* gradient, float* winners, float* upper, float* lower)
    {
        var term = Vector256.Load(gradient) + Vector256<float>.Zero;
        var winner = Vector256.Load(winners);
        StoreWidePairs(Where(0f), Where(1f), upper);
        StoreWidePairs(Where(2f), Where(3f), lower);

        Vector256<float> Where(float tap) => Vector256.Equals(winner, Vector256.Create(tap)) & term;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Challenge(ref Vector256<float> best, ref Vector256<float> winner, Vector256<float> value, float tap)
    {
        var kept = Vector256.LessThanOrEqual(value, best) | ~Vector256.Equals(best, best);
        best = Vector256.ConditionalSelect(kept, best, value);
        winner = Vector256.ConditionalSelect(kept, winner, Vector256.Create(tap));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Challenge(ref Vector128<float> best, ref Vector128<float> winner, Vector128<float> value, float tap)
    {
        // Kept: best is NaN (unequal to itself), or value <= best.
        var kept = Vector128.LessThanOrEqual(value, best) | ~Vector128.Equals(best, best);
        best = Vector128.ConditionalSelect(kept, best, value);
        winner = Vector128.ConditionalSelect(kept, winner, Vector128.Create(tap));
    }

    /// <summary>An odd last row or column that no window sees.</summary>
    private static void ClearEdges(ImageWindows w, float* image)
    {
        for (var y = 0; y < w.Height && w.Width % 2 != 0; y++)
        {
            image[((nint)y * w.Width) + w.Width - 1] = 0f;
        }

        if (w.Height % 2 != 0)
        {
            new Span<float>(image + ((nint)(w.Height - 1) * w.Width), w.Width).Clear();
        }
    }

    /// <summary>Eight neighbours as (0, 2, 4, 6) and (1, 3, 5, 7).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Even, Vector128<float> Odd) LoadPairs(float* source)
    {
        var (x, y) = (Vector128.Load(source), Vector128.Load(source + Lanes));
        if (Sse.IsSupported)
        {
            return (Sse.Shuffle(x, y, 0b10_00_10_00), Sse.Shuffle(x, y, 0b11_01_11_01));
        }

        if (AdvSimd.Arm64.IsSupported)
        {
            return (AdvSimd.Arm64.UnzipEven(x, y), AdvSimd.Arm64.UnzipOdd(x, y));
        }

        return (Vector128.Create(x[0], x[2], y[0], y[2]), Vector128.Create(x[1], x[3], y[1], y[3]));
    }

    /// <summary>Sixteen neighbours as even and odd ones, in the order (0, 1, 4, 5, 2, 3, 6, 7) that halves of a register give.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Even, Vector256<float> Odd) LoadWidePairs(float* source)
    {
        var (x, y) = (Vector256.Load(source), Vector256.Load(source + WideLanes));
        return (Avx.Shuffle(x, y, 0b10_00_10_00), Avx.Shuffle(x, y, 0b11_01_11_01));
    }

    /// <summary>From the order of <see cref="LoadWidePairs"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> InOrder(Vector256<float> x) => Avx2.Permute4x64(x.AsDouble(), 0b11_01_10_00).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreWidePairs(Vector256<float> even, Vector256<float> odd, float* destination)
    {
        var (low, high) = (Avx.UnpackLow(even, odd), Avx.UnpackHigh(even, odd));
        Avx.Permute2x128(low, high, 0x20).Store(destination);
        Avx.Permute2x128(low, high, 0x31).Store(destination + WideLanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePairs(Vector128<float> even, Vector128<float> odd, float* destination)
    {
        var (low, high) = Transposition.Interleave(even, odd);
        low.Store(destination);
        high.Store(destination + Lanes);
    }
}
