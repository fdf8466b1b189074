namespace DistTrain.Core.Kernels;

/// <summary>
/// The sizes of a convolution's register tiles: 8 × 3 vectors where there are 32 registers, 4 × 3 where there are 16; whole numbers of them fit
/// the usual 16, 32 and 64 channels.
/// </summary>
internal static class TileShape
{
    public const int MaximumRows = 8;
    public const int MaximumVectors = 3;
    private const int MinimumRows = 4;

    /// <summary>From this width on, 32 registers are at hand.</summary>
    private const int ManyRegistersFrom = 16;

    /// <summary>The rows of the next tile.</summary>
    public static int NextRows<TLanes>(int remaining)
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        TLanes.Count >= ManyRegistersFrom && remaining > MinimumRows ? MaximumRows : MinimumRows;

    /// <summary>The rows of all tiles together.</summary>
    public static int PaddedRows<TLanes>(int rows)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var padded = 0;
        while (padded < rows)
        {
            padded += NextRows<TLanes>(rows - padded);
        }

        return padded;
    }

    /// <summary>The vectors of the next tile: two twos rather than a three and a one.</summary>
    public static int NextVectors(int remaining) => remaining is 2 or 4 ? 2 : Math.Min(MaximumVectors, remaining);
}
