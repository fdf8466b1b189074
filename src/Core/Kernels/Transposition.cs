using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Core.Kernels;

/// <summary>Transposes matrices by blocks in registers.</summary>
internal static unsafe class Transposition
{
    private const int Block = 4;
    private const int WideBlock = 16;

    /// <summary>destination[k · width + n] = source[n · rowStride + k] for n below <paramref name="valid"/> and k below <paramref name="depth"/>.</summary>
    /// <remarks>
    /// Where there are 512 bits, whole cache lines are read and written: rows that lie a multiple of 4 KiB apart otherwise push each other out of the
    /// first-level cache between two parts of a line.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* source, int rowStride, float* destination, int width, int valid, int depth)
    {
        var blockedRows = valid / Block * Block;
        var blockedDepth = depth / Block * Block;
        // Where the rest of the rows has room for a wide block, what stands beyond them is nobody's: the last row once more.
        var wideRows = !Avx512F.IsSupported ? 0
            : valid % WideBlock > Block && (valid + WideBlock - 1) / WideBlock * WideBlock <= width ? valid
            : valid / WideBlock * WideBlock;
        var wideDepth = Avx512F.IsSupported ? depth / WideBlock * WideBlock : 0;
        // Writes run forward through the panel: out of order they would wait for each cache line, while loads overlap.
        for (var k = 0; k < wideDepth; k += WideBlock)
        {
            for (var n = 0; n < wideRows; n += WideBlock)
            {
                Transpose16(source + ((nint)n * rowStride) + k, rowStride, valid - n - 1, destination + ((nint)k * width) + n, width);
            }
        }

        Blocks(source, rowStride, destination, width, (Math.Min(wideRows, blockedRows), blockedRows), (0, wideDepth));
        Blocks(source, rowStride, destination, width, (0, blockedRows), (wideDepth, blockedDepth));
        Elements(source, rowStride, destination, width, (Math.Max(wideRows, blockedRows), valid), (0, wideDepth));
        Elements(source, rowStride, destination, width, (blockedRows, valid), (wideDepth, depth));
        Elements(source, rowStride, destination, width, (0, blockedRows), (blockedDepth, depth));
    }

    /// <summary>(x0 y0 x1 y1, x2 y2 x3 y3)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Low, Vector128<float> High) Interleave(Vector128<float> x, Vector128<float> y)
    {
        if (Sse.IsSupported)
        {
            return (Sse.UnpackLow(x, y), Sse.UnpackHigh(x, y));
        }

        if (AdvSimd.Arm64.IsSupported)
        {
            return (AdvSimd.Arm64.ZipLow(x, y), AdvSimd.Arm64.ZipHigh(x, y));
        }

        return (Vector128.Create(x[0], y[0], x[1], y[1]), Vector128.Create(x[2], y[2], x[3], y[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks(float* source, nint rowStride, float* destination, nint width, (int First, int End) rows, (int First, int End) depth)
    {
        for (var k = depth.First; k < depth.End; k += Block)
        {
            for (var n = rows.First; n < rows.End; n += Block)
            {
                Transpose4(source + (n * rowStride) + k, rowStride, destination + (k * width) + n, width);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Elements(float* source, nint rowStride, float* destination, nint width, (int First, int End) rows, (int First, int End) depth)
    {
        for (var n = rows.First; n < rows.End; n++)
        {
            for (var k = depth.First; k < depth.End; k++)
            {
                destination[(k * width) + n] = source[(n * rowStride) + k];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(float* source, nint sourceStride, float* destination, nint destinationStride)
    {
        var (r0, r1) = (Vector128.Load(source), Vector128.Load(source + sourceStride));
        var (r2, r3) = (Vector128.Load(source + (2 * sourceStride)), Vector128.Load(source + (3 * sourceStride)));
        var (low02, high02) = Interleave(r0, r2);
        var (low13, high13) = Interleave(r1, r3);
        var (c0, c1) = Interleave(low02, low13);
        var (c2, c3) = Interleave(high02, high13);
        c0.Store(destination);
        c1.Store(destination + destinationStride);
        c2.Store(destination + (2 * destinationStride));
        c3.Store(destination + (3 * destinationStride));
    }

    /// <summary>Neighbours are exchanged, then pairs of them, then quarters of a register. Rows past row <paramref name="last"/> are that row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose16(float* source, nint sourceStride, int last, float* destination, nint destinationStride)
    {
        var r0 = Vector512.Load(source + (Math.Min(0, last) * sourceStride));
        var r1 = Vector512.Load(source + (Math.Min(1, last) * sourceStride));
        var r2 = Vector512.Load(source + (Math.Min(2, last) * sourceStride));
        var r3 = Vector512.Load(source + (Math.Min(3, last) * sourceStride));
        var r4 = Vector512.Load(source + (Math.Min(4, last) * sourceStride));
        var r5 = Vector512.Load(source + (Math.Min(5, last) * sourceStride));
        var r6 = Vector512.Load(source + (Math.Min(6, last) * sourceStride));
        var r7 = Vector512.Load(source + (Math.Min(7, last) * sourceStride));
        var r8 = Vector512.Load(source + (Math.Min(8, last) * sourceStride));
        var r9 = Vector512.Load(source + (Math.Min(9, last) * sourceStride));
        var r10 = Vector512.Load(source + (Math.Min(10, last) * sourceStride));
        var r11 = Vector512.Load(source + (Math.Min(11, last) * sourceStride));
        var r12 = Vector512.Load(source + (Math.Min(12, last) * sourceStride));
        var r13 = Vector512.Load(source + (Math.Min(13, last) * sourceStride));
        var r14 = Vector512.Load(source + (Math.Min(14, last) * sourceStride));
        var r15 = Vector512.Load(source + (Math.Min(15, last) * sourceStride));
        var (p0, p1) = (Avx512F.UnpackLow(r0, r1), Avx512F.UnpackHigh(r0, r1));
        var (p2, p3) = (Avx512F.UnpackLow(r2, r3), Avx512F.UnpackHigh(r2, r3));
        var (p4, p5) = (Avx512F.UnpackLow(r4, r5), Avx512F.UnpackHigh(r4, r5));
        var (p6, p7) = (Avx512F.UnpackLow(r6, r7), Avx512F.UnpackHigh(r6, r7));
        var (p8, p9) = (Avx512F.UnpackLow(r8, r9), Avx512F.UnpackHigh(r8, r9));
        var (p10, p11) = (Avx512F.UnpackLow(r10, r11), Avx512F.UnpackHigh(r10, r11));
        var (p12, p13) = (Avx512F.UnpackLow(r12, r13), Avx512F.UnpackHigh(r12, r13));
        var (p14, p15) = (Avx512F.UnpackLow(r14, r15), Avx512F.UnpackHigh(r14, r15));
        var (q0, q1) = UnpackPairs(p0, p2);
        var (q2, q3) = UnpackPairs(p1, p3);
        var (q4, q5) = UnpackPairs(p4, p6);
        var (q6, q7) = UnpackPairs(p5, p7);
        var (q8, q9) = UnpackPairs(p8, p10);
        var (q10, q11) = UnpackPairs(p9, p11);
        var (q12, q13) = UnpackPairs(p12, p14);
        var (q14, q15) = UnpackPairs(p13, p15);
        StoreQuarters(q0, q4, q8, q12, destination + (0 * destinationStride), 4 * destinationStride);
        StoreQuarters(q1, q5, q9, q13, destination + (1 * destinationStride), 4 * destinationStride);
        StoreQuarters(q2, q6, q10, q14, destination + (2 * destinationStride), 4 * destinationStride);
        StoreQuarters(q3, q7, q11, q15, destination + (3 * destinationStride), 4 * destinationStride);
    }

    /// <summary>In each quarter (x0 x1 y0 y1, x2 x3 y2 y3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> Low, Vector512<float> High) UnpackPairs(Vector512<float> x, Vector512<float> y) =>
        (Avx512F.UnpackLow(x.AsDouble(), y.AsDouble()).AsSingle(), Avx512F.UnpackHigh(x.AsDouble(), y.AsDouble()).AsSingle());

    /// <summary>Row i gets the i-th quarters of all four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuarters(
        Vector512<float> w, Vector512<float> x, Vector512<float> y, Vector512<float> z, float* destination, nint stride)
    {
        const byte Even = 0b10_00_10_00;
        const byte Odd = 0b11_01_11_01;
        var (evenWx, oddWx) = (Avx512F.Shuffle4x128(w, x, Even), Avx512F.Shuffle4x128(w, x, Odd));
        var (evenYz, oddYz) = (Avx512F.Shuffle4x128(y, z, Even), Avx512F.Shuffle4x128(y, z, Odd));
        Avx512F.Shuffle4x128(evenWx, evenYz, Even).Store(destination);
        Avx512F.Shuffle4x128(oddWx, oddYz, Even).Store(destination + stride);
        Avx512F.Shuffle4x128(evenWx, evenYz, Odd).Store(destination + (2 * stride));
        Avx512F.Shuffle4x128(oddWx, oddYz, Odd).Store(destination + (3 * stride));
    }
}
