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
        _input = input;
        var output = _output.Rows(input.Rows);
        Kernels.Convolution(
            input, _parameters + weightOffset, biasOffset is { } offset ? _parameters + offset : null, _workspace, output, _rectifies);
        return output;
    }

    /// <summary>∂W and ∂x by their kernels; ∂b per sample the sum over a channel's pixels, those then over samples as in <see cref="Affine{T}"/>.</summary>
    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        Kernels.ConvolutionWeightGradient(outputGradient, _input, _workspace, gradients.Plan, gradients.NodeBuffers, weightOffset);
        if (biasOffset is { } offset)
        {
            var sums = _channelSums.Rows(outputGradient.Rows);
            Kernels.ChannelSums(outputGradient, filters, sums);
            Kernels.FoldedColumnSums(sums, gradients.Plan, gradients.NodeBuffers, offset);
        }

        if (!inputGradientWanted)
        {
            return default;
        }

        var inputGradient = _inputGradient.Rows(outputGradient.Rows);
        Kernels.ConvolutionInputGradient(
            outputGradient, _parameters + weightOffset, _workspace, inputGradient, _inputIsRectified ? _input : default);
        return inputGradient;
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
