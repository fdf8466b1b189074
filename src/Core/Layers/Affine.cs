using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>
/// y = x · Wᵀ + b, the book's Affine (section 5.6.1), PyTorch's Linear: W is (out, in), b is (out,). x: (rows, in), y: (rows, out).
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class Affine<T>(Kernels<T> kernels, int inputs, int outputs, int weightOffset, int biasOffset)
    : Layer<T>(kernels, new Shape(inputs), new Shape(outputs)), IRectifiesOutput
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int MaximumRowsWhereTheyLie = 512;

    private readonly PackedOperand<T> _forwardWeight = kernels.CreateOperand(inputs, outputs);
    private readonly RowBuffer<T> _output = new(outputs);
    private readonly RowBuffer<T> _inputGradient = new(inputs);
    private PackedOperand<T>? _backwardWeight;
    private bool _backwardWeightIsCurrent;
    private T* _parameters;
    private Matrix<T> _input;
    private bool _rectifies;

    /// <summary>
    /// Whether the backward pass needs no packed copy of W: a panel of it stays in the first levels of the cache, since it is not high and its rows do not
    /// lie a power of two apart, on the same few cache sets.
    /// </summary>
    private bool IsReadWhereItLies => outputs <= MaximumRowsWhereTheyLie && inputs % 256 != 0;

    void IRectifiesOutput.RectifyOutput() => _rectifies = true;

    /// <inheritdoc/>
    public override void UseParameters(T* parameters)
    {
        _parameters = parameters;
        _backwardWeightIsCurrent = false;
        Kernels.PackTransposed(parameters + weightOffset, inputs, _forwardWeight);
    }

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        _input = input;
        var output = _output.Rows(input.Rows);
        Kernels.Product(input, _forwardWeight, _parameters + biasOffset, output, _rectifies);
        return output;
    }

    /// <summary>∂W = ∂yᵀ · x and ∂b = Σ ∂y per shard, folded along the tree; ∂x = ∂y · W.</summary>
    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        Kernels.FoldedProduct(outputGradient, _input, gradients.Plan, gradients.NodeBuffers, weightOffset);
        Kernels.FoldedColumnSums(outputGradient, gradients.Plan, gradients.NodeBuffers, biasOffset);
        if (!inputGradientWanted)
        {
            return default;
        }

        var inputGradient = _inputGradient.Rows(outputGradient.Rows);
        var weight = new Matrix<T>(_parameters + weightOffset, outputs, inputs, inputs);
        if (IsReadWhereItLies)
        {
            Kernels.Product(outputGradient, weight, inputGradient);
            return inputGradient;
        }

        if (!_backwardWeightIsCurrent)
        {
            _backwardWeight ??= Kernels.CreateOperand(outputs, inputs);
            Kernels.Pack(weight.Data, inputs, _backwardWeight);
            _backwardWeightIsCurrent = true;
        }

        Kernels.Product(outputGradient, _backwardWeight!, bias: null, inputGradient);
        return inputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _forwardWeight.Dispose();
        _backwardWeight?.Dispose();
        _output.Dispose();
        _inputGradient.Dispose();
    }
}
