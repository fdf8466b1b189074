namespace DistTrain.Core.Kernels;

/// <summary>What is done for each panel of a product.</summary>
internal interface IPanelWork
{
    /// <summary>Runs one panel.</summary>
    /// <param name="column">Its first column.</param>
    /// <typeparam name="TTile">As wide as the panel.</typeparam>
    /// <typeparam name="TSmall">As wide, for the rows that are left at the bottom.</typeparam>
    void Run<TTile, TSmall>(int column)
        where TTile : IRegisterTile
        where TSmall : IRegisterTile;
}

/// <summary>
/// How the columns of a product are cut: into panels as wide as a register tile, at most four vectors. A packed operand holds panel
/// after panel, each (K, panel columns) without gaps, so that a tile reads one stream.
/// </summary>
/// <remarks>
/// A tile of r rows and v vectors reads v vectors and r elements for r · v multiply-adds: with four vectors the panel, which lies in the second-level
/// cache, is read slowly enough.
/// </remarks>
internal static unsafe class Panels
{
    /// <summary>From this width on, 32 registers are at hand.</summary>
    public const int ManyRegistersFrom = 16;

    /// <summary>Does the work of each panel with the tile of its width.</summary>
    /// <param name="columns">N.</param>
    /// <param name="work">What to do.</param>
    public static void ForEach<TLanes, TWork>(int columns, TWork work)
        where TLanes : unmanaged, ILanes<TLanes, float>
        where TWork : IPanelWork
    {
        for (var (column, vectors) = (0, 0); column < columns; column += vectors * TLanes.Count)
        {
            vectors = NextVectors<TLanes>(VectorCount<TLanes>(columns - column));
            switch (vectors, LastIsHalf<TLanes>(columns - column, vectors))
            {
                case (4, false):
                    work.Run<Tile6<TileRow4<TLanes>>, Tile3<TileRow4<TLanes>>>(column);
                    break;
                case (4, true):
                    work.Run<Tile6<TileRowAndHalf<TileRow3<Lanes512>>>, Tile3<TileRowAndHalf<TileRow3<Lanes512>>>>(column);
                    break;
                case (3, false):
                    work.Run<Tile6<TileRow3<TLanes>>, Tile3<TileRow3<TLanes>>>(column);
                    break;
                case (3, true):
                    work.Run<Tile6<TileRowAndHalf<TileRow2<Lanes512>>>, Tile3<TileRowAndHalf<TileRow2<Lanes512>>>>(column);
                    break;
                case (2, false):
                    RunTwo<TLanes, TWork>(column, work);
                    break;
                case (2, true):
                    work.Run<Tile12<TileRowAndHalf<TileRow1<Lanes512>>>, Tile6<TileRowAndHalf<TileRow1<Lanes512>>>>(column);
                    break;
                default:
                    work.Run<Tile12<TileRow1<TLanes>>, Tile6<TileRow1<TLanes>>>(column);
                    break;
            }
        }
    }

    /// <summary>The vectors of the panel that starts <paramref name="remaining"/> vectors before the end.</summary>
    public static int NextVectors<TLanes>(int remaining)
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        Math.Min(TLanes.Count < ManyRegistersFrom ? 2 : 4, remaining);

    /// <summary>
    /// Whether a panel needs no more than half of its last vector, and the processor has the half as a register of its own, which some multiply twice as
    /// fast. A panel of one vector stays whole: its rows, not its columns, are what it has to do.
    /// </summary>
    private static bool LastIsHalf<TLanes>(int columns, int vectors)
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        typeof(TLanes) == typeof(Lanes512) && vectors > 1 && columns <= ((vectors - 1) * Lanes512.Count) + Lanes256.Count;

    private static void RunTwo<TLanes, TWork>(int column, TWork work)
        where TLanes : unmanaged, ILanes<TLanes, float>
        where TWork : IPanelWork
    {
        if (TLanes.Count < ManyRegistersFrom)
        {
            work.Run<Tile6<TileRow2<TLanes>>, Tile3<TileRow2<TLanes>>>(column);
        }
        else
        {
            work.Run<Tile12<TileRow2<TLanes>>, Tile6<TileRow2<TLanes>>>(column);
        }
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
            Transposition.Run(source + ((nint)column * rowStride), rowStride, destination, width, valid, operand.Depth);
            destination += (nint)operand.Depth * width;
            column += width;
            remaining -= vectors;
        }
    }
}
