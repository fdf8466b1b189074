using DistTrain.Core.Tensors;

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

    /// <summary>destination[k · width + n] = source[n · rowStride + k], a cache line of k at a time.</summary>
    private static void TransposeInto(float* source, int rowStride, float* destination, int width, int valid, int depth)
    {
        const int Line = 16;
        for (var k0 = 0; k0 < depth; k0 += Line)
        {
            var k1 = Math.Min(depth, k0 + Line);
            for (var n = 0; n < valid; n++)
            {
                var row = source + ((nint)n * rowStride);
                for (var k = k0; k < k1; k++)
                {
                    destination[((nint)k * width) + n] = row[k];
                }
            }
        }
    }
}
