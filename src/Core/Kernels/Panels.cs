using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace DistTrain.Core.Kernels;

/// <summary>
/// How the columns of a product are cut: into panels as wide as a register tile, seven, four or two vectors. A packed operand holds panel
/// after panel, each (K, panel columns) without gaps, so that a tile reads one stream.
/// </summary>
internal static unsafe class Panels
{
    /// <summary>From this width on, 32 registers are at hand.</summary>
    private const int ManyRegistersFrom = 16;

    /// <summary>
    /// The vectors of the panel that starts <paramref name="remaining"/> vectors before the end. Cuts a rest of 1 or 3 off as a panel of
    /// seven, where there is enough, because half-empty panels waste what they pad.
    /// </summary>
    public static int NextVectors<TLanes>(int remaining)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        if (TLanes.Count < ManyRegistersFrom)
        {
            return 2;
        }

        return (remaining % 4) switch
        {
            0 => 4,
            1 => remaining >= 9 ? 7 : remaining >= 5 ? 4 : 2,
            2 => 2,
            _ => remaining >= 7 ? 7 : 4,
        };
    }

    /// <summary>The columns of all panels together.</summary>
    public static int PaddedColumns<TLanes>(int columns)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var padded = 0;
        for (var remaining = VectorCount<TLanes>(columns); remaining > 0;)
        {
            var vectors = NextVectors<TLanes>(remaining);
            padded += vectors * TLanes.Count;
            remaining -= vectors;
        }

        return padded;
    }

    /// <summary>Columns in whole vectors.</summary>
    public static int VectorCount<TLanes>(int columns)
        where TLanes : unmanaged, ILanes<TLanes, float> => (columns + TLanes.Count - 1) / TLanes.Count;

    /// <summary><see cref="Kernels{T}.Pack"/></summary>
    public static void Pack<TLanes>(float* source, int rowStride, PackedOperand<float> operand)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var destination = operand.Data;
        var column = 0;
        for (var remaining = VectorCount<TLanes>(operand.Columns); remaining > 0;)
        {
            var vectors = NextVectors<TLanes>(remaining);
            var width = vectors * TLanes.Count;
            var valid = Math.Min(width, operand.Columns - column);
            for (var k = 0; k < operand.Depth; k++)
            {
                new ReadOnlySpan<float>(source + ((nint)k * rowStride) + column, valid).CopyTo(new Span<float>(destination, width));
                destination += width;
            }

            column += width;
            remaining -= vectors;
        }
    }

    /// <summary><see cref="Kernels{T}.PackTransposed"/></summary>
    public static void PackTransposed<TLanes>(float* source, int rowStride, PackedOperand<float> operand)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var destination = operand.Data;
        var column = 0;
        for (var remaining = VectorCount<TLanes>(operand.Columns); remaining > 0;)
        {
            var vectors = NextVectors<TLanes>(remaining);
            var width = vectors * TLanes.Count;
            var valid = Math.Min(width, operand.Columns - column);
            TransposeInto(source + ((nint)column * rowStride), rowStride, destination, width, valid, operand.Depth);
            destination += (nint)operand.Depth * width;
            column += width;
            remaining -= vectors;
        }
    }

    /// <summary>destination[k · width + n] = source[n · rowStride + k]; blocks of 4 × 4 in registers, the edges one by one.</summary>
    public static void TransposeInto(float* source, int rowStride, float* destination, int width, int valid, int depth)
    {
        const int Block = 4;
        var blockedRows = valid / Block * Block;
        var blockedDepth = depth / Block * Block;
        // Writes run forward through the panel: out of order they would wait for each cache line, while loads overlap.
        for (var k = 0; k < blockedDepth; k += Block)
        {
            for (var n = 0; n < blockedRows; n += Block)
            {
                Transpose4(source + ((nint)n * rowStride) + k, rowStride, destination + ((nint)k * width) + n, width);
            }
        }

        TransposeEdge(0, depth, blockedRows, valid);
        TransposeEdge(blockedDepth, depth, 0, blockedRows);

        void TransposeEdge(int firstK, int endK, int firstN, int endN)
        {
            for (var n = firstN; n < endN; n++)
            {
                for (var k = firstK; k < endK; k++)
                {
                    destination[((nint)k * width) + n] = source[((nint)n * rowStride) + k];
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(float* source, int sourceStride, float* destination, int destinationStride)
    {
        var (r0, r1) = (Vector128.Load(source), Vector128.Load(source + sourceStride));
        var (r2, r3) = (Vector128.Load(source + (2 * (nint)sourceStride)), Vector128.Load(source + (3 * (nint)sourceStride)));
        var (low02, high02) = Interleave(r0, r2);
        var (low13, high13) = Interleave(r1, r3);
        var (c0, c1) = Interleave(low02, low13);
        var (c2, c3) = Interleave(high02, high13);
        c0.Store(destination);
        c1.Store(destination + destinationStride);
        c2.Store(destination + (2 * (nint)destinationStride));
        c3.Store(destination + (3 * (nint)destinationStride));
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
}
