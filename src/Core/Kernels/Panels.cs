namespace DistTrain.Core.Kernels;

/// <summary>
/// How the columns of a product are cut: into panels as wide as a register tile, seven, four, two vectors or one. A packed operand holds panel
/// after panel, each (K, panel columns) without gaps, so that a tile reads one stream.
/// </summary>
internal static unsafe class Panels
{
    /// <summary>From this width on, 32 registers are at hand.</summary>
    private const int ManyRegistersFrom = 16;

    /// <summary>
    /// The vectors of the panel that starts <paramref name="remaining"/> vectors before the end. Cuts a rest of 1 or 3 off as a panel of
    /// seven, where there is enough: narrow panels read A again for little work.
    /// </summary>
    public static int NextVectors<TLanes>(int remaining)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        if (TLanes.Count < ManyRegistersFrom)
        {
            return Math.Min(2, remaining);
        }

        return (remaining % 4) switch
        {
            0 => 4,
            1 => remaining >= 9 ? 7 : remaining >= 5 ? 4 : 1,
            2 => 2,
            _ => remaining >= 7 ? 7 : 2,
        };
    }

    /// <summary>Whether a panel of seven vectors needs no more than half of its last one, and the processor has the half as a register of its own.</summary>
    /// <param name="columns">Columns from the panel's first one to the last of all.</param>
    public static bool LastIsHalf<TLanes>(int columns)
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        typeof(TLanes) == typeof(Lanes512) && columns <= (6 * Lanes512.Count) + Lanes256.Count;

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
            Transposition.Run(source + ((nint)column * rowStride), rowStride, destination, width, valid, operand.Depth);
            destination += (nint)operand.Depth * width;
            column += width;
            remaining -= vectors;
        }
    }
}
