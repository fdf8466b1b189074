using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// What a tile of a convolution computes: C(row, column) = Σₖ A(row, k) · B[Offsets[k] + column], one chain of fused multiply-adds per element.
/// B is an image or packed patches: a tap of the window is an offset into it.
/// </summary>
internal unsafe ref struct TapTask
{
    /// <summary>A's element for row 0 and the first k; k ascends by single elements.</summary>
    public float* A;

    /// <summary>From one row to the next in A, in elements.</summary>
    public nint ARowStride;

    /// <summary>Rows of A and of the bias that exist, at least 1.</summary>
    public int ValidRows;

    /// <summary>B for column 0; a whole tile row is readable at each offset from here.</summary>
    public float* B;

    /// <summary>For each k, how far it is from <see cref="B"/>, in elements.</summary>
    public nint* Offsets;

    /// <summary>The number of k.</summary>
    public int Depth;

    /// <summary>Where the tile goes; whole rows are written, also those beyond <see cref="ValidRows"/>.</summary>
    public float* C;

    /// <summary>From one row to the next in C, in elements.</summary>
    public nint CRowStride;

    /// <summary>Whether the chain goes on from what C holds instead of zero.</summary>
    public bool ContinuesChain;

    /// <summary>One element per row, added once after the chain; may be null.</summary>
    public float* Bias;

    /// <summary>Whether each result x is then replaced by <c>x &lt;= 0 ? 0 : x</c>.</summary>
    public bool Rectifies;
}

/// <summary>The tile of a size.</summary>
internal static class TapTiles
{
    /// <param name="rows">8, 6 or 4.</param>
    /// <param name="vectors">1 to 3, with 6 or 4 rows 4.</param>
    /// <param name="task">What it computes.</param>
    public static void Run<TLanes>(int rows, int vectors, in TapTask task)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        switch (rows, vectors)
        {
            case (6, 4):
                TapTile6<TileRow4<TLanes>>.Run(task);
                break;
            case (6, 3):
                TapTile6<TileRow3<TLanes>>.Run(task);
                break;
            case (6, 2):
                TapTile6<TileRow2<TLanes>>.Run(task);
                break;
            case (6, _):
                TapTile6<TileRow1<TLanes>>.Run(task);
                break;
            case (8, 3):
                TapTile8<TileRow3<TLanes>>.Run(task);
                break;
            case (8, 2):
                TapTile8<TileRow2<TLanes>>.Run(task);
                break;
            case (8, _):
                TapTile8<TileRow1<TLanes>>.Run(task);
                break;
            case (_, 4):
                TapTile4<TileRow4<TLanes>>.Run(task);
                break;
            case (_, 3):
                TapTile4<TileRow3<TLanes>>.Run(task);
                break;
            case (_, 2):
                TapTile4<TileRow2<TLanes>>.Run(task);
                break;
            default:
                TapTile4<TileRow1<TLanes>>.Run(task);
                break;
        }
    }
}

/// <summary>4 rows.</summary>
internal static unsafe class TapTile4<TRow>
    where TRow : unmanaged, ITileRow<TRow>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in TapTask task)
    {
        var a = task.A;
        var b = task.B;
        // Rows past the last valid one read the last one's elements; nobody reads what they give.
        var last = task.ValidRows - 1;
        var a1 = Math.Min(1, last) * task.ARowStride;
        var a2 = Math.Min(2, last) * task.ARowStride;
        var a3 = Math.Min(3, last) * task.ARowStride;
        TRow c0 = default;
        TRow c1 = default;
        TRow c2 = default;
        TRow c3 = default;
        if (task.ContinuesChain)
        {
            c0 = TRow.Load(task.C + (0 * task.CRowStride));
            c1 = TRow.Load(task.C + (1 * task.CRowStride));
            c2 = TRow.Load(task.C + (2 * task.CRowStride));
            c3 = TRow.Load(task.C + (3 * task.CRowStride));
        }

        var end = task.Offsets + task.Depth;
        for (var offset = task.Offsets; offset != end; offset++, a++)
        {
            var row = TRow.Load(b + *offset);
            c0.MultiplyAdd(*a, row);
            c1.MultiplyAdd(a[a1], row);
            c2.MultiplyAdd(a[a2], row);
            c3.MultiplyAdd(a[a3], row);
        }

        if (task.Bias is not null)
        {
            c0.Add(*task.Bias);
            c1.Add(task.Bias[Math.Min(1, last)]);
            c2.Add(task.Bias[Math.Min(2, last)]);
            c3.Add(task.Bias[Math.Min(3, last)]);
        }

        if (task.Rectifies)
        {
            c0.Rectify();
            c1.Rectify();
            c2.Rectify();
            c3.Rectify();
        }

        c0.Store(task.C + (0 * task.CRowStride));
        c1.Store(task.C + (1 * task.CRowStride));
        c2.Store(task.C + (2 * task.CRowStride));
        c3.Store(task.C + (3 * task.CRowStride));
    }
}

/// <summary>6 rows.</summary>
internal static unsafe class TapTile6<TRow>
    where TRow : unmanaged, ITileRow<TRow>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in TapTask task)
    {
        var a = task.A;
        var b = task.B;
        // Rows past the last valid one read the last one's elements; nobody reads what they give.
        var last = task.ValidRows - 1;
        var a1 = Math.Min(1, last) * task.ARowStride;
        var a2 = Math.Min(2, last) * task.ARowStride;
        var a3 = Math.Min(3, last) * task.ARowStride;
        var a4 = Math.Min(4, last) * task.ARowStride;
        var a5 = Math.Min(5, last) * task.ARowStride;
        TRow c0 = default;
        TRow c1 = default;
        TRow c2 = default;
        TRow c3 = default;
        TRow c4 = default;
        TRow c5 = default;
        if (task.ContinuesChain)
        {
            c0 = TRow.Load(task.C + (0 * task.CRowStride));
            c1 = TRow.Load(task.C + (1 * task.CRowStride));
            c2 = TRow.Load(task.C + (2 * task.CRowStride));
            c3 = TRow.Load(task.C + (3 * task.CRowStride));
            c4 = TRow.Load(task.C + (4 * task.CRowStride));
            c5 = TRow.Load(task.C + (5 * task.CRowStride));
        }

        var end = task.Offsets + task.Depth;
        for (var offset = task.Offsets; offset != end; offset++, a++)
        {
            var row = TRow.Load(b + *offset);
            c0.MultiplyAdd(*a, row);
            c1.MultiplyAdd(a[a1], row);
            c2.MultiplyAdd(a[a2], row);
            c3.MultiplyAdd(a[a3], row);
            c4.MultiplyAdd(a[a4], row);
            c5.MultiplyAdd(a[a5], row);
        }

        if (task.Bias is not null)
        {
            c0.Add(*task.Bias);
            c1.Add(task.Bias[Math.Min(1, last)]);
            c2.Add(task.Bias[Math.Min(2, last)]);
            c3.Add(task.Bias[Math.Min(3, last)]);
            c4.Add(task.Bias[Math.Min(4, last)]);
            c5.Add(task.Bias[Math.Min(5, last)]);
        }

        if (task.Rectifies)
        {
            c0.Rectify();
            c1.Rectify();
            c2.Rectify();
            c3.Rectify();
            c4.Rectify();
            c5.Rectify();
        }

        c0.Store(task.C + (0 * task.CRowStride));
        c1.Store(task.C + (1 * task.CRowStride));
        c2.Store(task.C + (2 * task.CRowStride));
        c3.Store(task.C + (3 * task.CRowStride));
        c4.Store(task.C + (4 * task.CRowStride));
        c5.Store(task.C + (5 * task.CRowStride));
    }
}

/// <summary>8 rows.</summary>
internal static unsafe class TapTile8<TRow>
    where TRow : unmanaged, ITileRow<TRow>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in TapTask task)
    {
        var a = task.A;
        var b = task.B;
        // Rows past the last valid one read the last one's elements; nobody reads what they give.
        var last = task.ValidRows - 1;
        var a1 = Math.Min(1, last) * task.ARowStride;
        var a2 = Math.Min(2, last) * task.ARowStride;
        var a3 = Math.Min(3, last) * task.ARowStride;
        var a4 = Math.Min(4, last) * task.ARowStride;
        var a5 = Math.Min(5, last) * task.ARowStride;
        var a6 = Math.Min(6, last) * task.ARowStride;
        var a7 = Math.Min(7, last) * task.ARowStride;
        TRow c0 = default;
        TRow c1 = default;
        TRow c2 = default;
        TRow c3 = default;
        TRow c4 = default;
        TRow c5 = default;
        TRow c6 = default;
        TRow c7 = default;
        if (task.ContinuesChain)
        {
            c0 = TRow.Load(task.C + (0 * task.CRowStride));
            c1 = TRow.Load(task.C + (1 * task.CRowStride));
            c2 = TRow.Load(task.C + (2 * task.CRowStride));
            c3 = TRow.Load(task.C + (3 * task.CRowStride));
            c4 = TRow.Load(task.C + (4 * task.CRowStride));
            c5 = TRow.Load(task.C + (5 * task.CRowStride));
            c6 = TRow.Load(task.C + (6 * task.CRowStride));
            c7 = TRow.Load(task.C + (7 * task.CRowStride));
        }

        var end = task.Offsets + task.Depth;
        for (var offset = task.Offsets; offset != end; offset++, a++)
        {
            var row = TRow.Load(b + *offset);
            c0.MultiplyAdd(*a, row);
            c1.MultiplyAdd(a[a1], row);
            c2.MultiplyAdd(a[a2], row);
            c3.MultiplyAdd(a[a3], row);
            c4.MultiplyAdd(a[a4], row);
            c5.MultiplyAdd(a[a5], row);
            c6.MultiplyAdd(a[a6], row);
            c7.MultiplyAdd(a[a7], row);
        }

        if (task.Bias is not null)
        {
            c0.Add(*task.Bias);
            c1.Add(task.Bias[Math.Min(1, last)]);
            c2.Add(task.Bias[Math.Min(2, last)]);
            c3.Add(task.Bias[Math.Min(3, last)]);
            c4.Add(task.Bias[Math.Min(4, last)]);
            c5.Add(task.Bias[Math.Min(5, last)]);
            c6.Add(task.Bias[Math.Min(6, last)]);
            c7.Add(task.Bias[Math.Min(7, last)]);
        }

        if (task.Rectifies)
        {
            c0.Rectify();
            c1.Rectify();
            c2.Rectify();
            c3.Rectify();
            c4.Rectify();
            c5.Rectify();
            c6.Rectify();
            c7.Rectify();
        }

        c0.Store(task.C + (0 * task.CRowStride));
        c1.Store(task.C + (1 * task.CRowStride));
        c2.Store(task.C + (2 * task.CRowStride));
        c3.Store(task.C + (3 * task.CRowStride));
        c4.Store(task.C + (4 * task.CRowStride));
        c5.Store(task.C + (5 * task.CRowStride));
        c6.Store(task.C + (6 * task.CRowStride));
        c7.Store(task.C + (7 * task.CRowStride));
    }
}
