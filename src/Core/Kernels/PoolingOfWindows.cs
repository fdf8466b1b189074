using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>Pooling by any windows, one channel at a time: what lies outside is cut off once per window.</summary>
internal static unsafe class PoolingOfWindows
{
    /// <summary><see cref="Kernels{T}.MaxPool"/></summary>
    public static void Max(float* image, ImageWindows w, float* output, float* winners)
    {
        for (var oy = 0; oy < w.OutputHeight; oy++)
        {
            var (top, firstY, endY) = Cut(oy, w.Stride, w.Padding, w.KernelHeight, w.Height);
            for (var ox = 0; ox < w.OutputWidth; ox++, output++, winners++)
            {
                var (left, firstX, endX) = Cut(ox, w.Stride, w.Padding, w.KernelWidth, w.Width);
                var best = image[((nint)(top + firstY) * w.Width) + left + firstX];
                var winner = (float)((firstY * w.KernelWidth) + firstX);
                for (var ky = firstY; ky < endY; ky++)
                {
                    var row = image + ((nint)(top + ky) * w.Width) + left;
                    for (var kx = firstX; kx < endX; kx++)
                    {
                        Challenge(ref best, ref winner, row[kx], (ky * w.KernelWidth) + kx);
                    }
                }

                (*output, *winners) = (best, winner);
            }
        }
    }

    /// <summary><see cref="Kernels{T}.MaxPoolGradient"/></summary>
    public static void MaxGradient(float* gradient, float* winners, ImageWindows w, float* image)
    {
        new Span<float>(image, w.InputPixels).Clear();
        for (var oy = 0; oy < w.OutputHeight; oy++)
        {
            for (var ox = 0; ox < w.OutputWidth; ox++, gradient++, winners++)
            {
                var (ky, kx) = Math.DivRem((int)*winners, w.KernelWidth);
                var (y, x) = ((oy * w.Stride) - w.Padding + ky, (ox * w.Stride) - w.Padding + kx);
                image[((nint)y * w.Width) + x] += *gradient;
            }
        }
    }

    /// <summary><see cref="Kernels{T}.AveragePool"/></summary>
    public static void Average(float* image, ImageWindows w, float* output)
    {
        for (var oy = 0; oy < w.OutputHeight; oy++)
        {
            var (top, firstY, endY) = Cut(oy, w.Stride, w.Padding, w.KernelHeight, w.Height);
            for (var ox = 0; ox < w.OutputWidth; ox++, output++)
            {
                var (left, firstX, endX) = Cut(ox, w.Stride, w.Padding, w.KernelWidth, w.Width);
                var sum = 0f;
                for (var ky = firstY; ky < endY; ky++)
                {
                    var row = image + ((nint)(top + ky) * w.Width) + left;
                    for (var kx = firstX; kx < endX; kx++)
                    {
                        sum += row[kx];
                    }
                }

                *output = sum / w.WindowSize;
            }
        }
    }

    /// <summary><see cref="Kernels{T}.AveragePoolGradient"/></summary>
    public static void AverageGradient(float* gradient, ImageWindows w, float* image)
    {
        new Span<float>(image, w.InputPixels).Clear();
        for (var oy = 0; oy < w.OutputHeight; oy++)
        {
            var (top, firstY, endY) = Cut(oy, w.Stride, w.Padding, w.KernelHeight, w.Height);
            for (var ox = 0; ox < w.OutputWidth; ox++, gradient++)
            {
                var (left, firstX, endX) = Cut(ox, w.Stride, w.Padding, w.KernelWidth, w.Width);
                var term = *gradient / w.WindowSize;
                for (var ky = firstY; ky < endY; ky++)
                {
                    var row = image + ((nint)(top + ky) * w.Width) + left;
                    for (var kx = firstX; kx < endX; kx++)
                    {
                        row[kx] += term;
                    }
                }
            }
        }
    }

    /// <summary>Takes the challenger if it is greater or the first NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Challenge(ref float best, ref float winner, float value, float tap)
    {
        if (!(value <= best) && !float.IsNaN(best))
        {
            (best, winner) = (value, tap);
        }
    }

    /// <summary>Where window <paramref name="at"/> begins, maybe outside, and which of its elements are inside: <c>[First, End)</c>, maybe none.</summary>
    private static (int Start, int First, int End) Cut(int at, int stride, int padding, int kernel, int length)
    {
        var start = (at * stride) - padding;
        return (start, Math.Max(0, -start), Math.Min(kernel, length - start));
    }
}
