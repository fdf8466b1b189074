using System.Numerics;
using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// What a register tile computes: C(rows, columns) = Σₖ A(k, row) · B(k, column), one chain of fused multiply-adds per element and shard,
/// the shards folded along the reduction tree. A product that is no sum over samples has one shard.
/// </summary>
internal unsafe ref struct TileTask
{
    /// <summary>A's element for row 0 and the first k.</summary>
    public float* A;

    /// <summary>From one k to the next in A, in elements.</summary>
    public nint AStep;

    /// <summary>From one row to the next in A, in elements.</summary>
    public nint ARowStride;

    /// <summary>Rows of A that exist, at least 1.</summary>
    public int ValidRows;

    /// <summary>B's elements for the first k; a whole tile row of them is readable for each k.</summary>
    public float* B;

    /// <summary>From one k to the next in B, in elements; not 0.</summary>
    public nint BStep;

    /// <summary>Shard i takes k from <c>Bounds[i]</c> to <c>Bounds[i + 1]</c>; A and B point at <c>Bounds[0]</c>.</summary>
    public int* Bounds;

    /// <summary>At least 1.</summary>
    public int ShardCount;

    /// <summary>Room for one tile per level of the tree over the shards.</summary>
    public float* FoldStack;

    /// <summary>Where the tile goes; whole rows are written, also those beyond <see cref="ValidRows"/>.</summary>
    public float* C;

    /// <summary>From one row to the next in C, in elements.</summary>
    public nint CRowStride;

    /// <summary>Whether the first chain goes on from what C holds instead of zero.</summary>
    public bool ContinuesChain;

    /// <summary>Added once to each row after the chain; may be null.</summary>
    public float* Bias;

    /// <summary>Whether each result x is then replaced by <c>x &lt;= 0 ? 0 : x</c>.</summary>
    public bool Rectifies;
}

/// <summary>A block of C that stays in registers while k runs.</summary>
internal interface IRegisterTile
{
    static abstract int Rows { get; }

    static abstract int Columns { get; }

    static abstract void Run(in TileTask task);
}

/// <summary>
/// The reduction tree over n shards as a stack machine: push each shard's sum after adding to it, from the top, as many stored sums as its
/// index has trailing ones; at the last shard, all that are stored. (A binary counter: carries are the full subtrees of 2ⁱ shards, and
/// what is left at the end is the right edge of <see cref="Training.ReductionTree"/>.)
/// </summary>
internal static class FoldOrder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FoldsAfter(int shard, bool isLast) =>
        isLast ? BitOperations.PopCount((uint)shard) : BitOperations.TrailingZeroCount(~shard);

    /// <summary>How many sums are stored at the most: one per level of the tree.</summary>
    public static int Depth(int shardCount) => BitOperations.Log2((uint)shardCount) + 1;
}

/// <summary>A register tile of 3 rows.</summary>
internal readonly unsafe struct Tile3<TRow> : IRegisterTile
    where TRow : unmanaged, ITileRow<TRow>
{
    public static int Rows => 3;

    public static int Columns => TRow.Columns;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in TileTask task)
    {
        var a = task.A;
        var b = task.B;
        var aStep = task.AStep;
        var bStep = task.BStep;
        // Rows past the last valid one read the last one's elements; what they give is not stored.
        var a1 = Math.Min(1, task.ValidRows - 1) * task.ARowStride;
        var a2 = Math.Min(2, task.ValidRows - 1) * task.ARowStride;
        var stack = task.FoldStack;
        var columns = (nint)TRow.Columns;
        TRow c0 = default;
        TRow c1 = default;
        TRow c2 = default;
        if (task.ContinuesChain)
        {
            c0 = TRow.Load(task.C + (0 * task.CRowStride));
            c1 = TRow.Load(task.C + (1 * task.CRowStride));
            c2 = TRow.Load(task.C + (2 * task.CRowStride));
        }

        for (var shard = 0; ; shard++)
        {
            var end = b + ((task.Bounds[shard + 1] - task.Bounds[shard]) * bStep);
            for (; b != end; a += aStep, b += bStep)
            {
                var row = TRow.Load(b);
                c0.MultiplyAdd(*a, row);
                c1.MultiplyAdd(a[a1], row);
                c2.MultiplyAdd(a[a2], row);
            }

            var isLast = shard == task.ShardCount - 1;
            for (var folds = FoldOrder.FoldsAfter(shard, isLast); folds > 0; folds--)
            {
                stack -= 3 * columns;
                c0.AddStored(stack + (0 * columns));
                c1.AddStored(stack + (1 * columns));
                c2.AddStored(stack + (2 * columns));
            }

            if (isLast)
            {
                break;
            }

            c0.Store(stack + (0 * columns));
            c1.Store(stack + (1 * columns));
            c2.Store(stack + (2 * columns));
            stack += 3 * columns;
            c0 = default;
            c1 = default;
            c2 = default;
        }

        if (task.Bias is not null)
        {
            c0.AddStored(task.Bias);
            c1.AddStored(task.Bias);
            c2.AddStored(task.Bias);
        }

        if (task.Rectifies)
        {
            c0.Rectify();
            c1.Rectify();
            c2.Rectify();
        }

        c0.Store(task.C + (0 * task.CRowStride));
        c1.Store(task.C + (1 * task.CRowStride));
        c2.Store(task.C + (2 * task.CRowStride));
    }
}

/// <summary>A register tile of 6 rows.</summary>
internal readonly unsafe struct Tile6<TRow> : IRegisterTile
    where TRow : unmanaged, ITileRow<TRow>
{
    public static int Rows => 6;

    public static int Columns => TRow.Columns;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in TileTask task)
    {
        var a = task.A;
        var b = task.B;
        var aStep = task.AStep;
        var bStep = task.BStep;
        // Rows past the last valid one read the last one's elements; what they give is not stored.
        var a1 = Math.Min(1, task.ValidRows - 1) * task.ARowStride;
        var a2 = Math.Min(2, task.ValidRows - 1) * task.ARowStride;
        var a3 = Math.Min(3, task.ValidRows - 1) * task.ARowStride;
        var a4 = Math.Min(4, task.ValidRows - 1) * task.ARowStride;
        var a5 = Math.Min(5, task.ValidRows - 1) * task.ARowStride;
        var stack = task.FoldStack;
        var columns = (nint)TRow.Columns;
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

        for (var shard = 0; ; shard++)
        {
            var end = b + ((task.Bounds[shard + 1] - task.Bounds[shard]) * bStep);
            for (; b != end; a += aStep, b += bStep)
            {
                var row = TRow.Load(b);
                c0.MultiplyAdd(*a, row);
                c1.MultiplyAdd(a[a1], row);
                c2.MultiplyAdd(a[a2], row);
                c3.MultiplyAdd(a[a3], row);
                c4.MultiplyAdd(a[a4], row);
                c5.MultiplyAdd(a[a5], row);
            }

            var isLast = shard == task.ShardCount - 1;
            for (var folds = FoldOrder.FoldsAfter(shard, isLast); folds > 0; folds--)
            {
                stack -= 6 * columns;
                c0.AddStored(stack + (0 * columns));
                c1.AddStored(stack + (1 * columns));
                c2.AddStored(stack + (2 * columns));
                c3.AddStored(stack + (3 * columns));
                c4.AddStored(stack + (4 * columns));
                c5.AddStored(stack + (5 * columns));
            }

            if (isLast)
            {
                break;
            }

            c0.Store(stack + (0 * columns));
            c1.Store(stack + (1 * columns));
            c2.Store(stack + (2 * columns));
            c3.Store(stack + (3 * columns));
            c4.Store(stack + (4 * columns));
            c5.Store(stack + (5 * columns));
            stack += 6 * columns;
            c0 = default;
            c1 = default;
            c2 = default;
            c3 = default;
            c4 = default;
            c5 = default;
        }

        if (task.Bias is not null)
        {
            c0.AddStored(task.Bias);
            c1.AddStored(task.Bias);
            c2.AddStored(task.Bias);
            c3.AddStored(task.Bias);
            c4.AddStored(task.Bias);
            c5.AddStored(task.Bias);
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

/// <summary>A register tile of 12 rows.</summary>
internal readonly unsafe struct Tile12<TRow> : IRegisterTile
    where TRow : unmanaged, ITileRow<TRow>
{
    public static int Rows => 12;

    public static int Columns => TRow.Columns;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in TileTask task)
    {
        var a = task.A;
        var b = task.B;
        var aStep = task.AStep;
        var bStep = task.BStep;
        // Rows past the last valid one read the last one's elements; what they give is not stored.
        var a1 = Math.Min(1, task.ValidRows - 1) * task.ARowStride;
        var a2 = Math.Min(2, task.ValidRows - 1) * task.ARowStride;
        var a3 = Math.Min(3, task.ValidRows - 1) * task.ARowStride;
        var a4 = Math.Min(4, task.ValidRows - 1) * task.ARowStride;
        var a5 = Math.Min(5, task.ValidRows - 1) * task.ARowStride;
        var a6 = Math.Min(6, task.ValidRows - 1) * task.ARowStride;
        var a7 = Math.Min(7, task.ValidRows - 1) * task.ARowStride;
        var a8 = Math.Min(8, task.ValidRows - 1) * task.ARowStride;
        var a9 = Math.Min(9, task.ValidRows - 1) * task.ARowStride;
        var a10 = Math.Min(10, task.ValidRows - 1) * task.ARowStride;
        var a11 = Math.Min(11, task.ValidRows - 1) * task.ARowStride;
        var stack = task.FoldStack;
        var columns = (nint)TRow.Columns;
        TRow c0 = default;
        TRow c1 = default;
        TRow c2 = default;
        TRow c3 = default;
        TRow c4 = default;
        TRow c5 = default;
        TRow c6 = default;
        TRow c7 = default;
        TRow c8 = default;
        TRow c9 = default;
        TRow c10 = default;
        TRow c11 = default;
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
            c8 = TRow.Load(task.C + (8 * task.CRowStride));
            c9 = TRow.Load(task.C + (9 * task.CRowStride));
            c10 = TRow.Load(task.C + (10 * task.CRowStride));
            c11 = TRow.Load(task.C + (11 * task.CRowStride));
        }

        for (var shard = 0; ; shard++)
        {
            var end = b + ((task.Bounds[shard + 1] - task.Bounds[shard]) * bStep);
            for (; b != end; a += aStep, b += bStep)
            {
                var row = TRow.Load(b);
                c0.MultiplyAdd(*a, row);
                c1.MultiplyAdd(a[a1], row);
                c2.MultiplyAdd(a[a2], row);
                c3.MultiplyAdd(a[a3], row);
                c4.MultiplyAdd(a[a4], row);
                c5.MultiplyAdd(a[a5], row);
                c6.MultiplyAdd(a[a6], row);
                c7.MultiplyAdd(a[a7], row);
                c8.MultiplyAdd(a[a8], row);
                c9.MultiplyAdd(a[a9], row);
                c10.MultiplyAdd(a[a10], row);
                c11.MultiplyAdd(a[a11], row);
            }

            var isLast = shard == task.ShardCount - 1;
            for (var folds = FoldOrder.FoldsAfter(shard, isLast); folds > 0; folds--)
            {
                stack -= 12 * columns;
                c0.AddStored(stack + (0 * columns));
                c1.AddStored(stack + (1 * columns));
                c2.AddStored(stack + (2 * columns));
                c3.AddStored(stack + (3 * columns));
                c4.AddStored(stack + (4 * columns));
                c5.AddStored(stack + (5 * columns));
                c6.AddStored(stack + (6 * columns));
                c7.AddStored(stack + (7 * columns));
                c8.AddStored(stack + (8 * columns));
                c9.AddStored(stack + (9 * columns));
                c10.AddStored(stack + (10 * columns));
                c11.AddStored(stack + (11 * columns));
            }

            if (isLast)
            {
                break;
            }

            c0.Store(stack + (0 * columns));
            c1.Store(stack + (1 * columns));
            c2.Store(stack + (2 * columns));
            c3.Store(stack + (3 * columns));
            c4.Store(stack + (4 * columns));
            c5.Store(stack + (5 * columns));
            c6.Store(stack + (6 * columns));
            c7.Store(stack + (7 * columns));
            c8.Store(stack + (8 * columns));
            c9.Store(stack + (9 * columns));
            c10.Store(stack + (10 * columns));
            c11.Store(stack + (11 * columns));
            stack += 12 * columns;
            c0 = default;
            c1 = default;
            c2 = default;
            c3 = default;
            c4 = default;
            c5 = default;
            c6 = default;
            c7 = default;
            c8 = default;
            c9 = default;
            c10 = default;
            c11 = default;
        }

        if (task.Bias is not null)
        {
            c0.AddStored(task.Bias);
            c1.AddStored(task.Bias);
            c2.AddStored(task.Bias);
            c3.AddStored(task.Bias);
            c4.AddStored(task.Bias);
            c5.AddStored(task.Bias);
            c6.AddStored(task.Bias);
            c7.AddStored(task.Bias);
            c8.AddStored(task.Bias);
            c9.AddStored(task.Bias);
            c10.AddStored(task.Bias);
            c11.AddStored(task.Bias);
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
            c8.Rectify();
            c9.Rectify();
            c10.Rectify();
            c11.Rectify();
        }

        c0.Store(task.C + (0 * task.CRowStride));
        c1.Store(task.C + (1 * task.CRowStride));
        c2.Store(task.C + (2 * task.CRowStride));
        c3.Store(task.C + (3 * task.CRowStride));
        c4.Store(task.C + (4 * task.CRowStride));
        c5.Store(task.C + (5 * task.CRowStride));
        c6.Store(task.C + (6 * task.CRowStride));
        c7.Store(task.C + (7 * task.CRowStride));
        c8.Store(task.C + (8 * task.CRowStride));
        c9.Store(task.C + (9 * task.CRowStride));
        c10.Store(task.C + (10 * task.CRowStride));
        c11.Store(task.C + (11 * task.CRowStride));
    }
}
