using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>Matrix products by register tiles over panels. Blocks continue the chain they began: they change no bit.</summary>
internal static unsafe class TiledProduct
{
    /// <summary>k per block: a panel of seven 512-bit vectors then takes 448 KiB, which stays in the second-level cache.</summary>
    private const int DepthBlock = 1024;

    /// <summary>The widest tile row: seven vectors of 16 floats.</summary>
    private const int MaximumColumns = 112;

    private const int MaximumRows = 12;

    /// <summary><see cref="Kernels{T}.Product"/></summary>
    public static void Product<TLanes>(Matrix<float> a, PackedOperand<float> b, float* bias, Matrix<float> c)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var panel = b.Data;
        var column = 0;
        for (var remaining = Panels.VectorCount<TLanes>(b.Columns); remaining > 0;)
        {
            var vectors = Panels.NextVectors<TLanes>(remaining);
            switch (vectors)
            {
                case 7 when Panels.LastIsHalf<TLanes>(b.Columns - column):
                    Panel<Tile3<TileRow6AndHalf<Lanes512, Lanes256>>>(a, panel, b.Depth, bias, c, column);
                    break;
                case 7:
                    Panel<Tile3<TileRow7<TLanes>>>(a, panel, b.Depth, bias, c, column);
                    break;
                case 4:
                    Panel<Tile6<TileRow4<TLanes>>>(a, panel, b.Depth, bias, c, column);
                    break;
                case 2:
                    Panel<Tile6<TileRow2<TLanes>>>(a, panel, b.Depth, bias, c, column);
                    break;
                default:
                    Panel<Tile12<TileRow1<TLanes>>>(a, panel, b.Depth, bias, c, column);
                    break;
            }

            var width = vectors * TLanes.Count;
            panel += (nint)width * b.Depth;
            column += width;
            remaining -= vectors;
        }
    }

    /// <summary><see cref="Kernels{T}.FoldedProduct"/></summary>
    public static void FoldedProduct<TLanes>(Matrix<float> a, Matrix<float> b, FoldPlan plan, float** nodeBuffers, int offset)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            var c = new Matrix<float>(nodeBuffers[i] + offset, a.Columns, b.Columns, b.Columns);
            var column = 0;
            for (var remaining = Panels.VectorCount<TLanes>(b.Columns); remaining > 0;)
            {
                var vectors = Panels.NextVectors<TLanes>(remaining);
                switch (vectors)
                {
                    case 7 when Panels.LastIsHalf<TLanes>(b.Columns - column):
                        FoldedPanel<Tile3<TileRow6AndHalf<Lanes512, Lanes256>>>(a, b, plan.Nodes[i], c, column);
                        break;
                    case 7:
                        FoldedPanel<Tile3<TileRow7<TLanes>>>(a, b, plan.Nodes[i], c, column);
                        break;
                    case 4:
                        FoldedPanel<Tile6<TileRow4<TLanes>>>(a, b, plan.Nodes[i], c, column);
                        break;
                    case 2:
                        FoldedPanel<Tile6<TileRow2<TLanes>>>(a, b, plan.Nodes[i], c, column);
                        break;
                    default:
                        FoldedPanel<Tile12<TileRow1<TLanes>>>(a, b, plan.Nodes[i], c, column);
                        break;
                }

                column += vectors * TLanes.Count;
                remaining -= vectors;
            }
        }
    }

    private static void Panel<TTile>(Matrix<float> a, float* panel, int depth, float* bias, Matrix<float> c, int column)
        where TTile : IRegisterTile
    {
        var biasMemory = stackalloc float[MaximumColumns + CacheLine.Slack];
        var biasRow = CacheLine.Align(biasMemory);
        if (bias is not null)
        {
            var valid = Math.Min(TTile.Columns, c.Columns - column);
            new ReadOnlySpan<float>(bias + column, valid).CopyTo(new Span<float>(biasRow, valid));
        }

        var bounds = stackalloc int[2];
        var task = new TileTask { AStep = 1, ARowStride = a.Stride, BStep = TTile.Columns, Bounds = bounds, ShardCount = 1 };
        // A depth of 0 is still one block: the chain of no terms, zero.
        for (var k = 0; k == 0 || k < depth; k += DepthBlock)
        {
            bounds[1] = Math.Min(DepthBlock, depth - k);
            task.B = panel + ((nint)k * TTile.Columns);
            task.ContinuesChain = k > 0;
            task.Bias = bias is not null && k + DepthBlock >= depth ? biasRow : null;
            for (var row = 0; row < c.Rows; row += TTile.Rows)
            {
                task.A = a.Data + ((nint)row * a.Stride) + k;
                RunAt<TTile>(ref task, c, row, column, c.Stride);
            }
        }
    }

    private static void FoldedPanel<TTile>(Matrix<float> a, Matrix<float> b, FoldNode node, Matrix<float> c, int column)
        where TTile : IRegisterTile
    {
        var shards = node.RowBounds.Length - 1;
        var stackMemory = stackalloc float[(FoldOrder.Depth(shards) * TTile.Rows * TTile.Columns) + CacheLine.Slack];
        var stack = CacheLine.Align(stackMemory);
        fixed (int* bounds = node.RowBounds)
        {
            var task = new TileTask
            {
                AStep = a.Stride,
                ARowStride = 1,
                B = b.Data + ((nint)node.FirstRow * b.Stride) + column,
                BStep = b.Stride,
                Bounds = bounds,
                ShardCount = shards,
                FoldStack = stack,
            };
            for (var row = 0; row < c.Rows; row += TTile.Rows)
            {
                task.A = a.Data + ((nint)node.FirstRow * a.Stride) + row;
                RunAt<TTile>(ref task, c, row, column, c.Columns);
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
}
