using System.Numerics;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Kernels;

/// <summary>
/// The specification: every sum written as the plain loop that defines its order. In <see cref="float"/> it is the oracle that fast kernels are
/// compared with bit by bit; in <see cref="double"/> it serves the gradient check.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe partial class ReferenceKernels<T> : Kernels<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int SumLanes = 16;

    /// <inheritdoc/>
    public override int VectorBits => 0;

    /// <inheritdoc/>
    public override PackedOperand<T> CreateOperand(int depth, int columns) => new(depth, columns, depth * columns);

    /// <inheritdoc/>
    public override void Pack(T* source, int rowStride, PackedOperand<T> operand)
    {
        for (var k = 0; k < operand.Depth; k++)
        {
            for (var n = 0; n < operand.Columns; n++)
            {
                operand.Data[(k * operand.Columns) + n] = source[((nint)k * rowStride) + n];
            }
        }
    }

    /// <inheritdoc/>
    public override void PackTransposed(T* source, int rowStride, PackedOperand<T> operand)
    {
        for (var k = 0; k < operand.Depth; k++)
        {
            for (var n = 0; n < operand.Columns; n++)
            {
                operand.Data[(k * operand.Columns) + n] = source[((nint)n * rowStride) + k];
            }
        }
    }

    /// <inheritdoc/>
    public override void Product(Matrix<T> a, PackedOperand<T> b, T* bias, Matrix<T> c, bool rectify = false)
    {
        for (var m = 0; m < c.Rows; m++)
        {
            for (var n = 0; n < b.Columns; n++)
            {
                var sum = T.Zero;
                for (var k = 0; k < b.Depth; k++)
                {
                    sum = T.FusedMultiplyAdd(a.Row(m)[k], b.Data[(k * b.Columns) + n], sum);
                }

                sum = bias is null ? sum : sum + bias[n];
                c.Row(m)[n] = rectify && sum <= T.Zero ? T.Zero : sum;
            }
        }
    }

    /// <inheritdoc/>
    public override void Product(Matrix<T> a, Matrix<T> b, Matrix<T> c)
    {
        using var operand = CreateOperand(b.Rows, b.Columns);
        Pack(b.Data, b.Stride, operand);
        Product(a, operand, bias: null, c);
    }

    /// <inheritdoc/>
    public override void FoldedProduct(Matrix<T> a, Matrix<T> b, FoldPlan plan, T** nodeBuffers, int offset)
    {
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            var bounds = plan.Nodes[i].RowBounds;
            for (var m = 0; m < a.Columns; m++)
            {
                for (var n = 0; n < b.Columns; n++)
                {
                    nodeBuffers[i][offset + (m * b.Columns) + n] = Fold(0, bounds.Length - 1, shard =>
                    {
                        var sum = T.Zero;
                        for (var row = bounds[shard]; row < bounds[shard + 1]; row++)
                        {
                            sum = T.FusedMultiplyAdd(a.Row(row)[m], b.Row(row)[n], sum);
                        }

                        return sum;
                    });
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void FoldedColumnSums(Matrix<T> a, FoldPlan plan, T** nodeBuffers, int offset)
    {
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            var bounds = plan.Nodes[i].RowBounds;
            for (var n = 0; n < a.Columns; n++)
            {
                nodeBuffers[i][offset + n] = Fold(0, bounds.Length - 1, shard =>
                {
                    var sum = T.Zero;
                    for (var row = bounds[shard]; row < bounds[shard + 1]; row++)
                    {
                        sum += a.Row(row)[n];
                    }

                    return sum;
                });
            }
        }
    }

    /// <inheritdoc/>
    public override void Map<TOperator>(TOperator op, T* input, T* output, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            output[i] = op.Invoke<ScalarLanes<T>, T>(new ScalarLanes<T>(input[i])).Value;
        }
    }

    /// <inheritdoc/>
    public override void Map<TOperator>(TOperator op, T* x, T* y, T* output, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            output[i] = op.Invoke<ScalarLanes<T>, T>(new ScalarLanes<T>(x[i]), new ScalarLanes<T>(y[i])).Value;
        }
    }

    /// <inheritdoc/>
    public override void SoftmaxCrossEntropy(Matrix<T> scores, ReadOnlySpan<byte> labels, T* losses, bool toGradient)
    {
        for (var m = 0; m < scores.Rows; m++)
        {
            var row = scores.Row(m);
            var max = row[0];
            foreach (var x in row)
            {
                max = x > max || T.IsNaN(x) ? x : max;
            }

            var atLabel = row[labels[m]] - max;
            for (var n = 0; n < row.Length; n++)
            {
                row[n] = Elementary.Exp(row[n] - max);
            }

            var sum = RowSum(row);
            losses[m] = Elementary.Log(sum) - atLabel;
            for (var n = 0; n < row.Length; n++)
            {
                row[n] /= sum;
            }

            if (toGradient)
            {
                row[labels[m]] -= T.One;
            }
        }
    }

    /// <inheritdoc/>
    public override void BytesToUnit(byte* input, T* output, nint count)
    {
        var scale = T.CreateChecked(255);
        for (nint i = 0; i < count; i++)
        {
            output[i] = T.CreateChecked(input[i]) / scale;
        }
    }

    /// <inheritdoc/>
    public override void Update<TOperator>(TOperator update, T* parameters, T* gradientSums, T* slot0, T* slot1, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            var parameter = new ScalarLanes<T>(parameters[i]);
            var state0 = slot0 is null ? default : new ScalarLanes<T>(slot0[i]);
            var state1 = slot1 is null ? default : new ScalarLanes<T>(slot1[i]);
            update.Invoke(ref parameter, new ScalarLanes<T>(gradientSums[i]), ref state0, ref state1);
            parameters[i] = parameter.Value;
            if (slot0 is not null)
            {
                slot0[i] = state0.Value;
            }

            if (slot1 is not null)
            {
                slot1[i] = state1.Value;
            }
        }
    }

    /// <inheritdoc/>
    public override void AddInPlace(T* left, T* right, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            left[i] += right[i];
        }
    }

    /// <inheritdoc/>
    public override bool AddFinite(T* left, T* right, nint count)
    {
        AddInPlace(left, right, count);
        return AllFinite(left, count);
    }

    /// <inheritdoc/>
    public override bool AllFinite(T* values, nint count)
    {
        for (nint i = 0; i < count; i++)
        {
            if (!T.IsFinite(values[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    protected override double SumOfSquaresOfBlock(T* values, int count)
    {
        var lanes = stackalloc double[SumLanes];
        new Span<double>(lanes, SumLanes).Clear();
        for (var n = 0; n < count; n++)
        {
            var x = double.CreateChecked(values[n]);
            lanes[n % SumLanes] = Math.FusedMultiplyAdd(x, x, lanes[n % SumLanes]);
        }

        return FoldLanes(lanes);
    }

    /// <summary>The sum of a row: lane j takes elements j, j + 16, …; the lanes are folded +8, +4, +2, +1.</summary>
    internal static T RowSum(ReadOnlySpan<T> row)
    {
        var lanes = stackalloc T[SumLanes];
        new Span<T>(lanes, SumLanes).Clear();
        for (var n = 0; n < row.Length; n++)
        {
            lanes[n % SumLanes] += row[n];
        }

        return FoldLanes(lanes);
    }

    private static TSum FoldLanes<TSum>(TSum* lanes)
        where TSum : unmanaged, IBinaryFloatingPointIeee754<TSum>
    {
        for (var half = SumLanes / 2; half > 0; half /= 2)
        {
            for (var j = 0; j < half; j++)
            {
                lanes[j] += lanes[j + half];
            }
        }

        return lanes[0];
    }

    private static T Fold(int start, int count, Func<int, T> shardSum)
    {
        if (count == 1)
        {
            return shardSum(start);
        }

        var left = ReductionTree.LeftCount(count);
        return Fold(start, left, shardSum) + Fold(start + left, count - left, shardSum);
    }
}
