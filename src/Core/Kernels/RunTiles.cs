using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// What a tile of a convolution's weight gradient computes: C(row, column) = Σ A[Offsets[row] + pixel] · B(pixel, column), one chain of fused
/// multiply-adds per element over the pixels. Those are runs (an output row each) of neighbours in A, and one after the other in B.
/// </summary>
internal unsafe ref struct RunTask
{
    /// <summary>The image of the first sample.</summary>
    public float* A;

    /// <summary>For each row of the tile, how far its tap is from a pixel, in elements.</summary>
    public nint* Offsets;

    /// <summary>For each run, how far its first pixel is from <see cref="A"/>, in elements.</summary>
    public nint* Runs;

    /// <summary>The number of runs.</summary>
    public int RunCount;

    /// <summary>Pixels in each run, at least 1.</summary>
    public int RunLength;

    /// <summary>A tile row per pixel, without gaps.</summary>
    public float* B;

    /// <summary>The tile's rows without gaps.</summary>
    public float* C;

    /// <summary>Whether the chain goes on from what C holds instead of zero.</summary>
    public bool ContinuesChain;
}

/// <summary>The tile of a size.</summary>
internal static class RunTiles
{
    /// <param name="rows">8 or 4.</param>
    /// <param name="vectors">1 to 3.</param>
    /// <param name="task">What it computes.</param>
    public static void Run<TLanes>(int rows, int vectors, in RunTask task)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        switch (rows, vectors)
        {
            case (8, 3):
                RunTile8<TileRow3<TLanes>>.Run(task);
                break;
            case (8, 2):
                RunTile8<TileRow2<TLanes>>.Run(task);
                break;
            case (8, _):
                RunTile8<TileRow1<TLanes>>.Run(task);
                break;
            case (_, 3):
                RunTile4<TileRow3<TLanes>>.Run(task);
                break;
            case (_, 2):
                RunTile4<TileRow2<TLanes>>.Run(task);
                break;
            default:
                RunTile4<TileRow1<TLanes>>.Run(task);
                break;
        }
    }
}

/// <summary>4 rows.</summary>
internal static unsafe class RunTile4<TRow>
    where TRow : unmanaged, ITileRow<TRow>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in RunTask task)
    {
        var b = task.B;
        var bStep = (nint)TRow.Columns;
        var a0 = task.Offsets[0];
        var a1 = task.Offsets[1];
        var a2 = task.Offsets[2];
        var a3 = task.Offsets[3];
        TRow c0 = default;
        TRow c1 = default;
        TRow c2 = default;
        TRow c3 = default;
        if (task.ContinuesChain)
        {
            c0 = TRow.Load(task.C + (0 * bStep));
            c1 = TRow.Load(task.C + (1 * bStep));
            c2 = TRow.Load(task.C + (2 * bStep));
            c3 = TRow.Load(task.C + (3 * bStep));
        }

        var lastRun = task.Runs + task.RunCount;
        for (var run = task.Runs; run != lastRun; run++)
        {
            var a = task.A + *run;
            for (var end = b + (task.RunLength * bStep); b != end; a++, b += bStep)
            {
                var row = TRow.Load(b);
                c0.MultiplyAdd(a[a0], row);
                c1.MultiplyAdd(a[a1], row);
                c2.MultiplyAdd(a[a2], row);
                c3.MultiplyAdd(a[a3], row);
            }
        }

        c0.Store(task.C + (0 * bStep));
        c1.Store(task.C + (1 * bStep));
        c2.Store(task.C + (2 * bStep));
        c3.Store(task.C + (3 * bStep));
    }
}

/// <summary>8 rows.</summary>
internal static unsafe class RunTile8<TRow>
    where TRow : unmanaged, ITileRow<TRow>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in RunTask task)
    {
        var b = task.B;
        var bStep = (nint)TRow.Columns;
        var a0 = task.Offsets[0];
        var a1 = task.Offsets[1];
        var a2 = task.Offsets[2];
        var a3 = task.Offsets[3];
        var a4 = task.Offsets[4];
        var a5 = task.Offsets[5];
        var a6 = task.Offsets[6];
        var a7 = task.Offsets[7];
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
            c0 = TRow.Load(task.C + (0 * bStep));
            c1 = TRow.Load(task.C + (1 * bStep));
            c2 = TRow.Load(task.C + (2 * bStep));
            c3 = TRow.Load(task.C + (3 * bStep));
            c4 = TRow.Load(task.C + (4 * bStep));
            c5 = TRow.Load(task.C + (5 * bStep));
            c6 = TRow.Load(task.C + (6 * bStep));
            c7 = TRow.Load(task.C + (7 * bStep));
        }

        var lastRun = task.Runs + task.RunCount;
        for (var run = task.Runs; run != lastRun; run++)
        {
            var a = task.A + *run;
            for (var end = b + (task.RunLength * bStep); b != end; a++, b += bStep)
            {
                var row = TRow.Load(b);
                c0.MultiplyAdd(a[a0], row);
                c1.MultiplyAdd(a[a1], row);
                c2.MultiplyAdd(a[a2], row);
                c3.MultiplyAdd(a[a3], row);
                c4.MultiplyAdd(a[a4], row);
                c5.MultiplyAdd(a[a5], row);
                c6.MultiplyAdd(a[a6], row);
                c7.MultiplyAdd(a[a7], row);
            }
        }

        c0.Store(task.C + (0 * bStep));
        c1.Store(task.C + (1 * bStep));
        c2.Store(task.C + (2 * bStep));
        c3.Store(task.C + (3 * bStep));
        c4.Store(task.C + (4 * bStep));
        c5.Store(task.C + (5 * bStep));
        c6.Store(task.C + (6 * bStep));
        c7.Store(task.C + (7 * bStep));
    }
}
