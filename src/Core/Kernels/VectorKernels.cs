using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>The choice of vector width, in one place.</summary>
public static class VectorKernels
{
    /// <summary>Every width; those that the machine lacks are emulated by the runtime, slowly, with the same bits.</summary>
    public static IReadOnlyList<Kernels<float>> All { get; } =
        [new VectorKernels<Lanes512>(), new VectorKernels<Lanes256>(), new VectorKernels<Lanes128>()];

    /// <summary>The widest that this machine runs in hardware (and the runtime's settings allow).</summary>
    public static Kernels<float> Best { get; } =
        Vector512.IsHardwareAccelerated ? All[0] : Vector256.IsHardwareAccelerated ? All[1] : All[2];
}

/// <summary>
/// SIMD kernels with the bits of <see cref="ReferenceKernels{T}"/>: every output element is its own chain, so neither the width nor the tile
/// or block sizes can change one. Matrices passed in must be readable up to 16 elements beyond their last row, as those of
/// <see cref="AlignedBuffer{T}"/> are.
/// </summary>
/// <typeparam name="TLanes">The width.</typeparam>
public sealed unsafe partial class VectorKernels<TLanes> : Kernels<float>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private const int SumLanes = 16;

    /// <inheritdoc/>
    public override int VectorBits => TLanes.Count * 32;

    /// <inheritdoc/>
    public override PackedOperand<float> CreateOperand(int depth, int columns) =>
        new(depth, columns, checked(depth * Panels.PaddedColumns<TLanes>(columns)));

    /// <inheritdoc/>
    public override void Pack(float* source, int rowStride, PackedOperand<float> operand) => Panels.Pack<TLanes>(source, rowStride, operand);

    /// <inheritdoc/>
    public override void PackTransposed(float* source, int rowStride, PackedOperand<float> operand) =>
        Panels.PackTransposed<TLanes>(source, rowStride, operand);

    /// <inheritdoc/>
    public override void Product(Matrix<float> a, PackedOperand<float> b, float* bias, Matrix<float> c, bool rectify = false) =>
        TiledProduct.Product<TLanes>(a, b, bias, c, rectify);

    /// <inheritdoc/>
    public override void Product(Matrix<float> a, Matrix<float> b, Matrix<float> c) => TiledProduct.Product<TLanes>(a, b, c);

    /// <inheritdoc/>
    public override void FoldedProduct(Matrix<float> a, Matrix<float> b, FoldPlan plan, float** nodeBuffers, int offset) =>
        TiledProduct.FoldedProduct<TLanes>(a, b, plan, nodeBuffers, offset);

    /// <inheritdoc/>
    public override void FoldedColumnSums(Matrix<float> a, FoldPlan plan, float** nodeBuffers, int offset)
    {
        var width = TLanes.Count;
        var stack = stackalloc float[FoldOrder.Depth(plan.ShardCount) * width];
        for (var i = 0; i < plan.Nodes.Count; i++)
        {
            var bounds = plan.Nodes[i].RowBounds;
            var shards = bounds.Length - 1;
            for (var n = 0; n < a.Columns; n += width)
            {
                var top = stack;
                for (var shard = 0; shard < shards; shard++)
                {
                    var sum = TLanes.Zero;
                    for (var row = bounds[shard]; row < bounds[shard + 1]; row++)
                    {
                        sum += TLanes.Load(a.Data + ((nint)row * a.Stride) + n);
                    }

                    for (var folds = FoldOrder.FoldsAfter(shard, shard == shards - 1); folds > 0; folds--)
                    {
                        top -= width;
                        sum = TLanes.Load(top) + sum;
                    }

                    TLanes.Store(sum, top);
                    top += width;
                }

                var valid = Math.Min(width, a.Columns - n);
                new ReadOnlySpan<float>(stack, valid).CopyTo(new Span<float>(nodeBuffers[i] + offset + n, valid));
            }
        }
    }

    /// <inheritdoc/>
    public override void Map<TOperator>(TOperator op, float* input, float* output, nint count)
    {
        nint i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(op.Invoke<TLanes, float>(TLanes.Load(input + i)), output + i);
        }

        for (; i < count; i++)
        {
            output[i] = op.Invoke<ScalarLanes<float>, float>(new ScalarLanes<float>(input[i])).Value;
        }
    }

    /// <inheritdoc/>
    public override void Map<TOperator>(TOperator op, float* x, float* y, float* output, nint count)
    {
        nint i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(op.Invoke<TLanes, float>(TLanes.Load(x + i), TLanes.Load(y + i)), output + i);
        }

        for (; i < count; i++)
        {
            output[i] = op.Invoke<ScalarLanes<float>, float>(new ScalarLanes<float>(x[i]), new ScalarLanes<float>(y[i])).Value;
        }
    }

    /// <inheritdoc/>
    public override void SoftmaxCrossEntropy(Matrix<float> scores, ReadOnlySpan<byte> labels, float* losses, bool toGradient)
    {
        for (var m = 0; m < scores.Rows; m++)
        {
            var row = scores.Row(m);
            var max = row[0];
            foreach (var x in row)
            {
                max = x > max || float.IsNaN(x) ? x : max;
            }

            var label = labels[m];
            var atLabel = row[label] - max;
            var sum = Exponentials(scores.Data + ((nint)m * scores.Stride), scores.Columns, max);
            Divide(scores.Data + ((nint)m * scores.Stride), scores.Columns, sum);
            if (toGradient)
            {
                row[label] -= 1f;
            }

            losses[m] = Elementary.Log(sum) - atLabel;
        }
    }

    /// <inheritdoc/>
    public override void BytesToUnit(byte* input, float* output, nint count)
    {
        // The correctly rounded quotient without a division (Markstein 1990): an estimate, its exact remainder, one correction.
        var divisor = TLanes.Create(255f);
        var reciprocal = TLanes.Create(1f / 255f);
        nint i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            var x = TLanes.LoadBytes(input + i);
            var quotient = x * reciprocal;
            var remainder = TLanes.MultiplyAdd(-quotient, divisor, x);
            TLanes.Store(TLanes.MultiplyAdd(remainder, reciprocal, quotient), output + i);
        }

        for (; i < count; i++)
        {
            output[i] = input[i] / 255f;
        }
    }

    /// <inheritdoc/>
    public override void Update<TOperator>(TOperator update, float* parameters, float* gradientSums, float* slot0, float* slot1, nint count)
    {
        nint i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            UpdateAt<TOperator, TLanes>(update, parameters, gradientSums, slot0, slot1, i);
        }

        for (; i < count; i++)
        {
            UpdateAt<TOperator, ScalarLanes<float>>(update, parameters, gradientSums, slot0, slot1, i);
        }
    }

    /// <inheritdoc/>
    public override void AddInPlace(float* left, float* right, nint count)
    {
        nint i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(TLanes.Load(left + i) + TLanes.Load(right + i), left + i);
        }

        for (; i < count; i++)
        {
            left[i] += right[i];
        }
    }

    /// <inheritdoc/>
    public override bool AllFinite(float* values, nint count)
    {
        // x − x is 0 for a finite x and NaN otherwise, and a NaN stays in any sum: the order does not matter here.
        TLanes sum0 = TLanes.Zero, sum1 = TLanes.Zero, sum2 = TLanes.Zero, sum3 = TLanes.Zero;
        nint i = 0;
        for (; i <= count - (4 * TLanes.Count); i += 4 * TLanes.Count)
        {
            var (x0, x1) = (TLanes.Load(values + i), TLanes.Load(values + i + TLanes.Count));
            var (x2, x3) = (TLanes.Load(values + i + (2 * TLanes.Count)), TLanes.Load(values + i + (3 * TLanes.Count)));
            sum0 += x0 - x0;
            sum1 += x1 - x1;
            sum2 += x2 - x2;
            sum3 += x3 - x3;
        }

        var sum = sum0 + sum1 + (sum2 + sum3);
        for (; i < count; i++)
        {
            sum += TLanes.Create(values[i] - values[i]);
        }

        return IsZero(sum);
    }

    /// <inheritdoc/>
    public override bool AddFinite(float* left, float* right, nint count)
    {
        // As in AllFinite, of the sums.
        TLanes odd0 = TLanes.Zero, odd1 = TLanes.Zero;
        nint i = 0;
        for (; i <= count - (2 * TLanes.Count); i += 2 * TLanes.Count)
        {
            var sum0 = TLanes.Load(left + i) + TLanes.Load(right + i);
            var sum1 = TLanes.Load(left + i + TLanes.Count) + TLanes.Load(right + i + TLanes.Count);
            TLanes.Store(sum0, left + i);
            TLanes.Store(sum1, left + i + TLanes.Count);
            odd0 += sum0 - sum0;
            odd1 += sum1 - sum1;
        }

        var odd = odd0 + odd1;
        for (; i < count; i++)
        {
            left[i] += right[i];
            odd += TLanes.Create(left[i] - left[i]);
        }

        return IsZero(odd);
    }

    private static bool IsZero(TLanes values)
    {
        var lanes = stackalloc float[TLanes.Count];
        TLanes.Store(values, lanes);
        return !new ReadOnlySpan<float>(lanes, TLanes.Count).ContainsAnyExcept(0f);
    }

    /// <inheritdoc/>
    protected override double SumOfSquaresOfBlock(float* values, int count) => SquareSums.OfBlock<TLanes>(values, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UpdateAt<TOperator, TAny>(TOperator update, float* parameters, float* gradientSums, float* slot0, float* slot1, nint i)
        where TOperator : struct, IUpdateOperator<float>
        where TAny : unmanaged, ILanes<TAny, float>
    {
        var parameter = TAny.Load(parameters + i);
        var state0 = slot0 is null ? TAny.Zero : TAny.Load(slot0 + i);
        var state1 = slot1 is null ? TAny.Zero : TAny.Load(slot1 + i);
        update.Invoke(ref parameter, TAny.Load(gradientSums + i), ref state0, ref state1);
        TAny.Store(parameter, parameters + i);
        if (slot0 is not null)
        {
            TAny.Store(state0, slot0 + i);
        }

        if (slot1 is not null)
        {
            TAny.Store(state1, slot1 + i);
        }
    }

    /// <summary>row[j] = exp(row[j] − max); returns their sum in the order of row sums.</summary>
    private static float Exponentials(float* row, int count, float max)
    {
        var width = TLanes.Count;
        var lanes = stackalloc float[SumLanes];
        var block = stackalloc float[SumLanes];
        new Span<float>(lanes, SumLanes).Clear();
        var shift = TLanes.Create(max);
        for (var n = 0; n < count; n += SumLanes)
        {
            var valid = Math.Min(SumLanes, count - n);
            new ReadOnlySpan<float>(row + n, valid).CopyTo(new Span<float>(block, SumLanes));
            for (var v = 0; v < SumLanes; v += width)
            {
                TLanes.Store(TLanes.Exp(TLanes.Load(block + v) - shift), block + v);
            }

            new ReadOnlySpan<float>(block, valid).CopyTo(new Span<float>(row + n, valid));
            // An absent element adds +0, which changes no sum of exponentials: they are never −0.
            new Span<float>(block + valid, SumLanes - valid).Clear();
            for (var v = 0; v < SumLanes; v += width)
            {
                TLanes.Store(TLanes.Load(lanes + v) + TLanes.Load(block + v), lanes + v);
            }
        }

        for (var half = SumLanes / 2; half > 0; half /= 2)
        {
            for (var j = 0; j < half; j++)
            {
                lanes[j] += lanes[j + half];
            }
        }

        return lanes[0];
    }

    private static void Divide(float* row, int count, float divisor)
    {
        var n = 0;
        for (; n <= count - TLanes.Count; n += TLanes.Count)
        {
            TLanes.Store(TLanes.Load(row + n) / TLanes.Create(divisor), row + n);
        }

        for (; n < count; n++)
        {
            row[n] /= divisor;
        }
    }
}
