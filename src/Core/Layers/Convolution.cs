using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// The book's Convolution (section 7.4.3), PyTorch's Conv2d: x is (C, H, W) per row, W is (filters, C, kH, kW), b is (filters,), y is
/// (filters, oH, oW).
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="windows">Over one sample's input.</param>
/// <param name="filters">Output channels.</param>
/// <param name="weightOffset">Where W starts in the flat buffer.</param>
/// <param name="biasOffset">Where b starts there; null for a convolution without one.</param>
public sealed unsafe class Convolution<T>(Kernels<T> kernels, ImageWindows windows, int filters, int weightOffset, int? biasOffset)
    : Layer<T>(
        kernels,
        new Shape(windows.Channels, windows.Height, windows.Width),
        new Shape(filters, windows.OutputHeight, windows.OutputWidth)),
        IRectifiesOutput,
        IAppliesRectifierBefore
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ConvolutionWorkspace<T> _workspace = kernels.CreateConvolution(windows, filters);
    private readonly RowBuffer<T> _output = new(filters * windows.OutputPixels);
    private readonly RowBuffer<T> _inputGradient = new(windows.Channels * windows.InputPixels);
    private readonly RowBuffer<T> _channelSums = new(filters);
    private T* _parameters;
    private Matrix<T> _input;
    private bool _rectifies;
    private bool _inputIsRectified;

    void IRectifiesOutput.RectifyOutput() => _rectifies = true;

    void IAppliesRectifierBefore.ApplyRectifierBefore() => _inputIsRectified = true;

    /// <inheritdoc/>
    public override void UseParameters(T* parameters) => _parameters = parameters;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        Begin(input);
        return ForwardRows(input);
    }

    /// <summary>This and the pooling after it as one; null if the kernels do not gain by it.</summary>
    internal PooledConvolution<T>? With(MaxPooling<T> pooling) =>
        Kernels.RowsAtOnce(Math.Max(InputShape.Size, OutputShape.Size)) is { } rows ? new PooledConvolution<T>(Kernels, this, pooling, rows) : null;

    /// <summary>A forward pass over all of <paramref name="input"/> begins.</summary>
    internal void Begin(Matrix<T> input) => _input = input;

    /// <summary>The results for some rows, valid until the next call.</summary>
    internal Matrix<T> ForwardRows(Matrix<T> input)
    {
        var output = _output.Rows(input.Rows);
        Kernels.Convolution(
            input, _parameters + weightOffset, biasOffset is { } offset ? _parameters + offset : null, _workspace, output, _rectifies);
        return output;
    }

    /// <summary>∂W and ∂x by their kernels; ∂b per sample the sum over a channel's pixels, those then over samples as in <see cref="Affine{T}"/>.</summary>
    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        BackwardRows(outputGradient, 0, gradients, inputGradientWanted);
        return CompleteBackward(gradients, inputGradientWanted);
    }

    /// <summary>The part of the backward pass that rows from <paramref name="first"/> on have; the rows of a pass come in ascending order.</summary>
    internal void BackwardRows(Matrix<T> outputGradient, int first, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        var (count, input) = (outputGradient.Rows, _input.Slice(first, outputGradient.Rows));
        Kernels.ConvolutionWeightGradient(outputGradient, input, _workspace, gradients.Plan, gradients.NodeBuffers, weightOffset, first);
        if (biasOffset is not null)
        {
            Kernels.ChannelSums(outputGradient, filters, _channelSums.Rows(_input.Rows).Slice(first, count));
        }

        if (inputGradientWanted)
        {
            var inputGradient = _inputGradient.Rows(_input.Rows).Slice(first, count);
            Kernels.ConvolutionInputGradient(
                outputGradient, _parameters + weightOffset, _workspace, inputGradient, _inputIsRectified ? input : default);
        }
    }

    /// <summary>The part of the backward pass that comes after all rows.</summary>
    internal Matrix<T> CompleteBackward(in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (biasOffset is { } offset)
        {
            Kernels.FoldedColumnSums(_channelSums.Rows(_input.Rows), gradients.Plan, gradients.NodeBuffers, offset);
        }

        return inputGradientWanted ? _inputGradient.Rows(_input.Rows) : default;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _workspace.Dispose();
        _output.Dispose();
        _inputGradient.Dispose();
        _channelSums.Dispose();
    }
}
