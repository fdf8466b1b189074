using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>Matrix products by register tiles over panels. Blocks continue the chain they began: they change no bit.</summary>
internal static unsafe class TiledProduct
{
    /// <summary>k per block: a panel of four 512-bit vectors then takes 256 KiB, which stays in the second-level cache.</summary>
    private const int DepthBlock = 1024;

    /// <summary>
    /// From so many rows and columns of A on, and with panels no wider, a weight gradient's operands are gathered on the stack, a part of A and a panel of B: each of their rows
    /// lies in another page of memory, and so many translations are not remembered from one tile to the next. A wide tile computes long enough to wait for them.
    /// </summary>
    private const int GatheredFrom = 256;

    private const int GatheredTo = 2048;
    private const int GatheredColumns = 16;
    private const int GatheredBlockBytes = 256 * 1024;

    /// <summary>The part of A that a weight gradient keeps in the second-level cache.</summary>
    private const int FoldBlockBytes = 512 * 1024;

    /// <summary>The widest tile row: four vectors of 16 floats.</summary>
    private const int MaximumColumns = 64;

    private const int MaximumRows = 12;

    /// <summary><see cref="Kernels{T}.Product(Matrix{T}, PackedOperand{T}, T*, Matrix{T}, bool)"/></summary>
    public static void Product<TLanes>(Matrix<float> a, PackedOperand<float> b, float* bias, Matrix<float> c, bool rectify)
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        Panels.ForEach<TLanes, PanelProduct>(
            b.Columns, new PanelProduct { A = a, Panel = b.Data, Depth = b.Depth, Bias = bias, C = c, Rectifies = rectify });

    /// <summary><see cref="Kernels{T}.Product(Matrix{T}, Matrix{T}, Matrix{T})"/></summary>
    public static void Product<TLanes>(Matrix<float> a, Matrix<float> b, Matrix<float> c)
        where TLanes : unmanaged, ILanes<TLanes, float> =>
        Panels.ForEach<TLanes, PanelProduct>(b.Columns, new PanelProduct { A = a, Panel = b.Data, RowStride = b.Stride, Depth = b.Rows, C = c });

    /// <summary><see cref="Kernels{T}.FoldedProduct"/></summary>
    public static void FoldedProduct<TLanes>(Matrix<float> a, Matrix<float> b, FoldPlan plan, float** nodeBuffers, int offset)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            // Some columns of A at a time, as many as stay in the second-level cache while the panels of B pass by.
            var node = plan.Nodes[i];
            var rows = node.EndRow - node.FirstRow;
            var isGathered = TLanes.Count <= GatheredColumns / 2 && rows is >= GatheredFrom and <= GatheredTo && a.Columns >= GatheredFrom;
            var width = Math.Max((isGathered ? GatheredBlockBytes : FoldBlockBytes) / sizeof(float) / Math.Max(1, rows) / MaximumRows, 1) * MaximumRows;
            var input = new Matrix<float>(b.RowPointer(node.FirstRow), rows, b.Columns, b.Stride);
            for (var first = 0; first < a.Columns; first += width)
            {
                var count = Math.Min(width, a.Columns - first);
                var gradient = new Matrix<float>(a.RowPointer(node.FirstRow) + first, rows, count, a.Stride);
                var c = new Matrix<float>(nodeBuffers[i] + offset + ((nint)first * b.Columns), count, b.Columns, b.Columns);
                if (isGathered)
                {
                    GatheredFold<TLanes>(gradient, input, node, c);
                }
                else
                {
                    Panels.ForEach<TLanes, FoldedPanel>(b.Columns, new FoldedPanel { A = gradient, B = input, Node = node, C = c });
                }
            }
        }
    }

    private static void GatheredFold<TLanes>(Matrix<float> gradient, Matrix<float> input, FoldNode node, Matrix<float> c)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var memory = stackalloc float[gradient.Rows * gradient.Columns];
        RowCopy.CopyRows(gradient.Data, gradient.Stride, memory, gradient.Columns, gradient.Rows, gradient.Columns);
        var gathered = new Matrix<float>(memory, gradient.Rows, gradient.Columns, gradient.Columns);
        Panels.ForEach<TLanes, FoldedPanel>(input.Columns, new FoldedPanel { A = gathered, B = input, Node = node, C = c, IsGathered = true });
    }

    /// <summary>Runs the tiles of a panel from top to bottom, and the small one where no more rows are left.</summary>
    private static void RunTiles<TTile, TSmall>(ref TileTask task, float* a, nint aRowStride, Matrix<float> c, int column, int writableColumns)
        where TTile : IRegisterTile
        where TSmall : IRegisterTile
    {
        for (var row = 0; row < c.Rows;)
        {
            task.A = a + (row * aRowStride);
            if (c.Rows - row <= TSmall.Rows)
            {
                RunAt<TSmall>(ref task, c, row, column, writableColumns);
                row += TSmall.Rows;
            }
            else
            {
                RunAt<TTile>(ref task, c, row, column, writableColumns);
                row += TTile.Rows;
            }
        }
    }

    /// <summary>Runs a tile at its place in C, by way of a scratch tile where it hangs over the edge.</summary>
    /// <param name="task">Everything but where C is.</param>
    /// <param name="c">The whole of C.</param>
    /// <param name="row">The tile's first row.</param>
    /// <param name="column">The tile's first column.</param>
    /// <param name="writableColumns">Columns of C that may be written: its padding counts where nobody reads it.</param>
    private static void RunAt<TTile>(ref TileTask task, Matrix<float> c, int row, int column, int writableColumns)
        where TTile : IRegisterTile
    {
        var destination = c.Data + ((nint)row * c.Stride) + column;
        task.ValidRows = Math.Min(TTile.Rows, c.Rows - row);
        if (task.ValidRows == TTile.Rows && column + TTile.Columns <= writableColumns)
        {
            task.C = destination;
            task.CRowStride = c.Stride;
            TTile.Run(task);
            return;
        }

        var scratchMemory = stackalloc float[(MaximumRows * MaximumColumns) + CacheLine.Slack];
        var scratch = CacheLine.Align(scratchMemory);
        var validColumns = Math.Min(TTile.Columns, c.Columns - column);
        if (task.ContinuesChain)
        {
            for (var r = 0; r < task.ValidRows; r++)
            {
                new ReadOnlySpan<float>(destination + ((nint)r * c.Stride), validColumns).CopyTo(new Span<float>(scratch + (r * TTile.Columns), validColumns));
            }
        }

        task.C = scratch;
        task.CRowStride = TTile.Columns;
        TTile.Run(task);
        for (var r = 0; r < task.ValidRows; r++)
        {
            new ReadOnlySpan<float>(scratch + (r * TTile.Columns), validColumns).CopyTo(new Span<float>(destination + ((nint)r * c.Stride), validColumns));
        }
    }

    /// <summary>One panel of a product.</summary>
    private struct PanelProduct : IPanelWork
    {
        public Matrix<float> A;

        /// <summary>B, panel after panel, or as a matrix.</summary>
        public float* Panel;

        /// <summary>From one row of B to the next where it is a matrix; 0 where it is packed.</summary>
        public int RowStride;
        public int Depth;
        public float* Bias;
        public Matrix<float> C;
        public bool Rectifies;

        public void Run<TTile, TSmall>(int column)
            where TTile : IRegisterTile
            where TSmall : IRegisterTile
        {
            var biasMemory = stackalloc float[MaximumColumns + CacheLine.Slack];
            var biasRow = CacheLine.Align(biasMemory);
            if (Bias is not null)
            {
                var valid = Math.Min(TTile.Columns, C.Columns - column);
                new ReadOnlySpan<float>(Bias + column, valid).CopyTo(new Span<float>(biasRow, valid));
            }

            var bounds = stackalloc int[2];
            bounds[0] = 0;
            var panel = RowStride == 0 ? Panel + ((nint)column * Depth) : Panel + column;
            var step = RowStride == 0 ? TTile.Columns : RowStride;
            var task = new TileTask { AStep = 1, ARowStride = A.Stride, BStep = step, Bounds = bounds, ShardCount = 1 };
            // A depth of 0 is still one block: the chain of no terms, zero.
            for (var k = 0; k == 0 || k < Depth; k += DepthBlock)
            {
                bounds[1] = Math.Min(DepthBlock, Depth - k);
                task.B = panel + ((nint)k * step);
                task.ContinuesChain = k > 0;
                task.Bias = Bias is not null && k + DepthBlock >= Depth ? biasRow : null;
                task.Rectifies = Rectifies && k + DepthBlock >= Depth;
                RunTiles<TTile, TSmall>(ref task, A.Data + k, A.Stride, C, column, C.Stride);
            }
        }
    }

    /// <summary>One panel of <see cref="FoldedProduct"/> for one node.</summary>
    private struct FoldedPanel : IPanelWork
    {
        /// <summary>The node's rows of ∂y, some columns of it.</summary>
        public Matrix<float> A;

        /// <summary>The node's rows of x.</summary>
        public Matrix<float> B;
        public FoldNode Node;
        public Matrix<float> C;

        /// <summary>Whether a panel of B is gathered before the tiles read it.</summary>
        public bool IsGathered;

        public void Run<TTile, TSmall>(int column)
            where TTile : IRegisterTile
            where TSmall : IRegisterTile
        {
            var shards = Node.RowBounds.Length - 1;
            var stackMemory = stackalloc float[(FoldOrder.Depth(shards) * TTile.Rows * TTile.Columns) + CacheLine.Slack];
            var (panel, step) = ((nint)(B.Data + column), B.Stride);
            var gatheredMemory = stackalloc float[IsGathered ? (B.Rows * TTile.Columns) + CacheLine.Slack : 1];
            if (IsGathered)
            {
                (panel, step) = ((nint)CacheLine.Align(gatheredMemory), TTile.Columns);
                RowCopy.CopyRows(B.Data + column, B.Stride, (float*)panel, TTile.Columns, B.Rows, TTile.Columns);
            }

            fixed (int* bounds = Node.RowBounds)
            {
                var task = new TileTask
                {
                    AStep = A.Stride,
                    ARowStride = 1,
                    B = (float*)panel,
                    BStep = step,
                    Bounds = bounds,
                    ShardCount = shards,
                    FoldStack = CacheLine.Align(stackMemory),
                };
                RunTiles<TTile, TSmall>(ref task, A.Data, 1, C, column, C.Columns);
            }
        }
    }
}
