using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <content>Convolution, pooling and sums by channel. A row of a matrix is a sample's image, (C, H, W) flat.</content>
public abstract unsafe partial class Kernels<T>
{
    /// <summary>Tables and memory for the convolutions of one shape.</summary>
    /// <param name="windows">Over the input.</param>
    /// <param name="filters">Output channels.</param>
    public abstract ConvolutionWorkspace<T> CreateConvolution(ImageWindows windows, int filters);

    /// <summary>
    /// y[n, f, oy, ox] = Σ weight[f, c, ky, kx] · x[n, c, oy·s − p + ky, ox·s − p + kx] + bias[f]: one chain of fused multiply-adds over
    /// (c, ky, kx) ascending, starting from zero; the bias is one add after it. Taps outside the image are zeros that take part.
    /// </summary>
    /// <param name="input">(rows, C·H·W)</param>
    /// <param name="weight">(filters, C, kH, kW)</param>
    /// <param name="bias">(filters,), or null for none.</param>
    /// <param name="workspace">Of this shape, from this implementation.</param>
    /// <param name="output">(rows, filters·oH·oW)</param>
    /// <param name="rectify">Whether each result y is then replaced by <c>y &lt;= 0 ? 0 : y</c>; default not.</param>
    public abstract void Convolution(
        Matrix<T> input, T* weight, T* bias, ConvolutionWorkspace<T> workspace, Matrix<T> output, bool rectify = false);

    /// <summary>
    /// For each node of the plan ∂weight[f, c, ky, kx] = Σ ∂y[n, f, oy, ox] · x[n, c, oy·s − p + ky, ox·s − p + kx] over the node's rows: per
    /// shard one chain of fused multiply-adds over (n, oy, ox) ascending from zero, folded along the reduction tree. Taps outside the image are
    /// zeros that take part.
    /// </summary>
    /// <param name="outputGradient">(rows, filters·oH·oW)</param>
    /// <param name="input">(rows, C·H·W)</param>
    /// <param name="workspace">Of this shape, from this implementation.</param>
    /// <param name="plan">Rows, shards and nodes.</param>
    /// <param name="nodeBuffers">One flat gradient buffer per node of the plan.</param>
    /// <param name="offset">Where the weight starts in each of them.</param>
    /// <param name="firstRow">
    /// Which row of the plan the first one is; default 0. With <see cref="RowsAtOnce"/>, the plan's rows may come in several calls on one workspace, ascending and
    /// without gaps; the last one completes the gradients.
    /// </param>
    public abstract void ConvolutionWeightGradient(
        Matrix<T> outputGradient, Matrix<T> input, ConvolutionWorkspace<T> workspace, FoldPlan plan, T** nodeBuffers, int offset, int firstRow = 0);

    /// <summary>
    /// How many rows of <paramref name="columns"/> elements a kernel should be given at once, for another to find them in the cache; at least 1. Null if
    /// blocks are of no use, and the whole batch must come at once.
    /// </summary>
    public abstract int? RowsAtOnce(int columns);

    /// <summary>
    /// ∂x[n, c, y, x] = Σ weight[f, c, ky, kx] · ∂y[n, f, (y + p − ky) / s, (x + p − kx) / s]: one chain of fused multiply-adds over (f, ky, kx)
    /// ascending from zero, of those for which the divisions leave no rest. Windows outside of the output are zeros that take part.
    /// </summary>
    /// <param name="outputGradient">(rows, filters·oH·oW)</param>
    /// <param name="weight">(filters, C, kH, kW)</param>
    /// <param name="workspace">Of this shape, from this implementation.</param>
    /// <param name="inputGradient">(rows, C·H·W)</param>
    /// <param name="rectified">
    /// What a rectifier before this convolution gave, (rows, C·H·W), its rows as far apart as ∂x's: where it is at most 0, ∂x becomes 0. Empty, the
    /// default, for none.
    /// </param>
    /// <param name="sameWeight">Whether the weight has not changed since the workspace's last call of this; default false.</param>
    public abstract void ConvolutionInputGradient(
        Matrix<T> outputGradient,
        T* weight,
        ConvolutionWorkspace<T> workspace,
        Matrix<T> inputGradient,
        Matrix<T> rectified = default,
        bool sameWeight = false);

    /// <summary>
    /// sums[n, c] = Σ a[n, c, i] over a channel's elements: lane i mod 16 takes element i, starting from +0; the lanes are folded +8, +4, +2, +1.
    /// </summary>
    /// <param name="a">(rows, channels · pixels); one pixel is a dense layer's.</param>
    /// <param name="channels">C.</param>
    /// <param name="sums">(rows, C)</param>
    public abstract void ChannelSums(Matrix<T> a, int channels, Matrix<T> sums);

    /// <summary>sums[n, c] = Σ a[n, c, i] · b[n, c, i]: as <see cref="ChannelSums"/>, each product fused into its lane.</summary>
    /// <param name="a">(rows, channels · pixels)</param>
    /// <param name="b">The same shape.</param>
    /// <param name="channels">C.</param>
    /// <param name="sums">(rows, C)</param>
    public abstract void ChannelDots(Matrix<T> a, Matrix<T> b, int channels, Matrix<T> sums);

    /// <summary>
    /// The largest element of each window. Elements in (ky, kx) order: the first is taken, then each that is strictly greater; a NaN wins over
    /// all, the first one if there are several. Padding never wins.
    /// </summary>
    /// <param name="input">(rows, C·H·W)</param>
    /// <param name="windows">Padding is at most half of the kernel, so that each window sees an element.</param>
    /// <param name="output">(rows, C·oH·oW)</param>
    /// <param name="winners">Receives which element of its window each output is, <c>ky · kW + kx</c> as a number: (rows, C·oH·oW).</param>
    public abstract void MaxPool(Matrix<T> input, ImageWindows windows, Matrix<T> output, Matrix<T> winners);

    /// <summary>∂x = Σ ∂y over the windows that the element won, (oy, ox) ascending, starting from +0.</summary>
    /// <param name="outputGradient">(rows, C·oH·oW)</param>
    /// <param name="winners">From <see cref="MaxPool"/>.</param>
    /// <param name="windows">As there.</param>
    /// <param name="inputGradient">(rows, C·H·W)</param>
    public abstract void MaxPoolGradient(Matrix<T> outputGradient, Matrix<T> winners, ImageWindows windows, Matrix<T> inputGradient);

    /// <summary>
    /// The mean of each window, padding counted as zeros (PyTorch's <c>count_include_pad=True</c>): one chain of additions over (ky, kx)
    /// ascending from +0, divided once by kH · kW.
    /// </summary>
    /// <param name="input">(rows, C·H·W)</param>
    /// <param name="windows">Any.</param>
    /// <param name="output">(rows, C·oH·oW)</param>
    public abstract void AveragePool(Matrix<T> input, ImageWindows windows, Matrix<T> output);

    /// <summary>∂x = Σ (∂y / (kH · kW)) over the windows that see the element, (oy, ox) ascending, starting from +0.</summary>
    /// <param name="outputGradient">(rows, C·oH·oW); each element is divided once.</param>
    /// <param name="windows">As in <see cref="AveragePool"/>.</param>
    /// <param name="inputGradient">(rows, C·H·W)</param>
    public abstract void AveragePoolGradient(Matrix<T> outputGradient, ImageWindows windows, Matrix<T> inputGradient);

    /// <summary>The mean of each channel: <see cref="ChannelSums"/>, divided once by the pixels.</summary>
    /// <param name="input">(rows, C · pixels)</param>
    /// <param name="channels">C.</param>
    /// <param name="output">(rows, C)</param>
    public abstract void GlobalAveragePool(Matrix<T> input, int channels, Matrix<T> output);

    /// <summary>∂x[n, c, i] = ∂y[n, c] / pixels</summary>
    /// <param name="outputGradient">(rows, C)</param>
    /// <param name="channels">C.</param>
    /// <param name="inputGradient">(rows, C · pixels)</param>
    public abstract void GlobalAveragePoolGradient(Matrix<T> outputGradient, int channels, Matrix<T> inputGradient);
}
