namespace DistTrain.Core.Kernels;

/// <summary>
/// The size of a convolution's register tiles: 8 × 3 or 6 × 4 vectors where there are 32 registers, 4 × 3 where there are 16; whole numbers of them fit
/// the usual 6, 16, 30, 32 and 64 channels.
/// </summary>
/// <param name="Rows">The rows of a tile; where no more than <see cref="SmallRows"/> are left, a small one takes them.</param>
/// <param name="Vectors">The most vectors of a tile.</param>
internal readonly record struct TileShape(int Rows, int Vectors)
{
    private const int SmallRows = 4;

    /// <summary>Of one vector, as high as keeps the multiply-adds busy; it fits into 16 registers.</summary>
    public static TileShape OneVector => new(8, 1);

    /// <summary>The highest tile.</summary>
    public static TileShape Highest<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        TLanes.Count >= Panels.ManyRegistersFrom ? new(8, 3) : new(SmallRows, 3);

    /// <summary>The tile that computes the fewest rows for nobody.</summary>
    public static TileShape For<TLanes>(int rows)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var (highest, wide) = (Highest<TLanes>(), new TileShape(6, 4));
        return TLanes.Count >= Panels.ManyRegistersFrom && wide.PaddedRows(rows) < highest.PaddedRows(rows) ? wide : highest;
    }

    /// <summary>The rows of the next tile.</summary>
    public int NextRows(int remaining) => remaining > SmallRows ? Rows : SmallRows;

    /// <summary>The rows of all tiles together.</summary>
    public int PaddedRows(int rows)
    {
        var padded = 0;
        while (padded < rows)
        {
            padded += NextRows(rows - padded);
        }

        return padded;
    }

    /// <summary>The vectors of the next tile: two halves rather than a whole and a little.</summary>
    public int NextVectors(int remaining) => remaining > Vectors && remaining < 2 * Vectors ? (remaining + 1) / 2 : Math.Min(Vectors, remaining);
}
