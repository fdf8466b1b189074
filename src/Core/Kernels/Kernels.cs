using System.Numerics;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Kernels;

/// <summary>
/// Everything that layers compute with. Two implementations: <see cref="ReferenceKernels{T}"/>, plain loops that are the specification, and
/// <see cref="VectorKernels{TLanes}"/>, which must give the same bits. Both keep the orders of docs/determinism.md.
/// Stateless: one instance may serve any number of threads.
/// </summary>
/// <typeparam name="T"><see cref="float"/>, or <see cref="double"/> for the gradient check.</typeparam>
public abstract unsafe partial class Kernels<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Elements of one block of <see cref="SumOfSquares"/>; part of the contract of bits.</summary>
    internal const int NormBlockLength = 4096;

    /// <summary>The SIMD width in bits, or 0 for the reference.</summary>
    public abstract int VectorBits { get; }

    /// <summary>Memory for the right operand (K × N) of the products, in the layout this implementation likes.</summary>
    public abstract PackedOperand<T> CreateOperand(int depth, int columns);

    /// <summary><c>operand[k, n] = source[k · rowStride + n]</c></summary>
    public abstract void Pack(T* source, int rowStride, PackedOperand<T> operand);

    /// <summary><c>operand[k, n] = source[n · rowStride + k]</c></summary>
    public abstract void PackTransposed(T* source, int rowStride, PackedOperand<T> operand);

    /// <summary>
    /// C(M, N) = A(M, K) · B(K, N) + bias(N). Each element is one chain of fused multiply-adds over k ascending, starting from zero; the bias,
    /// if any, is one add after the chain.
    /// </summary>
    /// <param name="a">(M, K)</param>
    /// <param name="b">(K, N)</param>
    /// <param name="bias">(N,), or null for none.</param>
    /// <param name="c">(M, N); the padding of its rows may be written too.</param>
    /// <param name="rectify">Whether each result x is then replaced by <c>x &lt;= 0 ? 0 : x</c>; default not.</param>
    public abstract void Product(Matrix<T> a, PackedOperand<T> b, T* bias, Matrix<T> c, bool rectify = false);

    /// <summary>C(M, N) = A(M, K) · B(K, N), in the same bits as the other, with B where it lies.</summary>
    /// <param name="a">(M, K)</param>
    /// <param name="b">(K, N); as for all matrices, readable a vector beyond its last row.</param>
    /// <param name="c">(M, N); the padding of its rows may be written too.</param>
    public abstract void Product(Matrix<T> a, Matrix<T> b, Matrix<T> c);

    /// <summary>
    /// For each node of the plan, C(M, N) = Aᵀ · B over the node's rows, A (rows, M), B (rows, N): per element one chain of fused
    /// multiply-adds per shard, rows ascending from zero, folded along the reduction tree.
    /// </summary>
    /// <param name="a">(rows, M), in a layer the gradient of its output.</param>
    /// <param name="b">(rows, N), in a layer its input.</param>
    /// <param name="plan">Rows, shards and nodes.</param>
    /// <param name="nodeBuffers">One flat gradient buffer per node of the plan.</param>
    /// <param name="offset">Where C starts in each of them; its rows are N elements apart.</param>
    public abstract void FoldedProduct(Matrix<T> a, Matrix<T> b, FoldPlan plan, T** nodeBuffers, int offset);

    /// <summary>
    /// For each node of the plan the sums of the columns of A over the node's rows: per column one chain of additions per shard, rows ascending
    /// from zero, folded along the reduction tree. Parameters as in <see cref="FoldedProduct"/>.
    /// </summary>
    public abstract void FoldedColumnSums(Matrix<T> a, FoldPlan plan, T** nodeBuffers, int offset);

    /// <summary><c>output[i] = op(input[i])</c>; the two may be the same memory.</summary>
    public abstract void Map<TOperator>(TOperator op, T* input, T* output, nint count)
        where TOperator : struct, IUnaryOperator;

    /// <summary><c>output[i] = op(x[i], y[i])</c>; output may be x or y.</summary>
    public abstract void Map<TOperator>(TOperator op, T* x, T* y, T* output, nint count)
        where TOperator : struct, IBinaryOperator;

    /// <summary>
    /// Softmax over each row and its cross-entropy with the label: with m = max x, e = exp(x − m), s = Σe (lane j mod 16, folded +8, +4, +2, +1)
    /// p = e / s, loss = ln s − (x_label − m).
    /// </summary>
    /// <param name="scores">(rows, classes); becomes the gradient of the loss sum, p − onehot, if <paramref name="toGradient"/>, else p.</param>
    /// <param name="labels">One per row.</param>
    /// <param name="losses">Receives one per row.</param>
    /// <param name="toGradient">Whether the label's 1 is subtracted.</param>
    public abstract void SoftmaxCrossEntropy(Matrix<T> scores, ReadOnlySpan<byte> labels, T* losses, bool toGradient);

    /// <summary><c>output[i] = input[i] / 255</c>, one IEEE division.</summary>
    public abstract void BytesToUnit(byte* input, T* output, nint count);

    /// <summary>Runs an optimizer's formula over <paramref name="count"/> parameters.</summary>
    /// <param name="update">The formula with its constants.</param>
    /// <param name="parameters">Updated in place.</param>
    /// <param name="gradientSums">Read.</param>
    /// <param name="slot0">State, updated in place; null if the formula has none.</param>
    /// <param name="slot1">More state, or null.</param>
    /// <param name="count">The number of elements.</param>
    public abstract void Update<TOperator>(TOperator update, T* parameters, T* gradientSums, T* slot0, T* slot1, nint count)
        where TOperator : struct, IUpdateOperator<T>;

    /// <summary><c>left[i] += right[i]</c>: two children of a tree node become their parent.</summary>
    public abstract void AddInPlace(T* left, T* right, nint count);

    /// <summary><see cref="AddInPlace"/>, and whether every sum is finite: one pass over both.</summary>
    /// <returns>True if no sum is NaN or infinite.</returns>
    public abstract bool AddFinite(T* left, T* right, nint count);

    /// <summary>True if no element is NaN or infinite.</summary>
    public abstract bool AllFinite(T* values, nint count);

    /// <summary>
    /// Σx² in double, which floats cannot overflow: in each block of 4,096 elements lane j mod 16 is one chain of fused multiply-adds, the lanes
    /// are folded +8, +4, +2, +1, and the blocks along the reduction tree over all of them. 0 for no elements.
    /// </summary>
    public double SumOfSquares(T* values, nint count)
    {
        return count == 0 ? 0 : Fold(0, checked((int)(((count - 1) / NormBlockLength) + 1)));

        double Fold(int start, int blocks)
        {
            if (blocks == 1)
            {
                var first = (nint)start * NormBlockLength;
                return SumOfSquaresOfBlock(values + first, (int)Math.Min(NormBlockLength, count - first));
            }

            var left = ReductionTree.LeftCount(blocks);
            return Fold(start, left) + Fold(start + left, blocks - left);
        }
    }

    /// <summary>One block of <see cref="SumOfSquares"/>.</summary>
    /// <param name="values">Its elements.</param>
    /// <param name="count">At most 4,096.</param>
    protected abstract double SumOfSquaresOfBlock(T* values, int count);
}

/// <summary>The right operand of a product (K × N) in a kernel's own layout.</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed class PackedOperand<T>(int depth, int columns, int length) : IDisposable
    where T : unmanaged
{
    private readonly AlignedBuffer<T> _buffer = new(length);

    /// <summary>K.</summary>
    public int Depth { get; } = depth;

    /// <summary>N.</summary>
    public int Columns { get; } = columns;

    /// <summary>The first element of the packed memory.</summary>
    public unsafe T* Data => _buffer.Pointer;

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
