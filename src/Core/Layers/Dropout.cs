using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Layers;

/// <summary>
/// Dropout (Srivastava et al. 2014): in training each element is dropped with probability p. Inverted scaling, the field's and PyTorch's:
/// <c>y = x · mask</c> with the mask 0 or 1 / (1 − p), an evaluation passes x on. The book's (section 6.4.3): the mask is 0 or 1, and an evaluation
/// multiplies by 1 − p. The mask of an element is keyed by (seed, layer, step, sample position, element): never by worker or thread.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="shape">One sample's input and output.</param>
/// <param name="probability">p, in [0, 1).</param>
/// <param name="scalesAtInference">Whether it is the book's.</param>
/// <param name="layer">The layer's number.</param>
public sealed unsafe class Dropout<T>(Kernels<T> kernels, Shape shape, float probability, bool scalesAtInference, int layer)
    : Layer<T>(kernels, shape, shape)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly RowBuffer<T> _output = new(shape.Size);
    private readonly RowBuffer<T> _masks = new(shape.Size);
    private readonly T _kept = scalesAtInference ? T.One : T.CreateChecked(1 / (1 - (double)probability));
    private Matrix<T> _mask;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        if (!pass.IsTraining && !scalesAtInference)
        {
            return input;
        }

        var output = _output.Rows(input.Rows);
        if (!pass.IsTraining)
        {
            Kernels.Map(
                new MultiplyConstant<T>(T.CreateChecked(1 - (double)probability)), input.Data, output.Data, (nint)input.Rows * input.Stride);
            return output;
        }

        _mask = _masks.Rows(input.Rows);
        for (var row = 0; row < input.Rows; row++)
        {
            Draw(new RandomStream(pass.Seed, RandomPurpose.Dropout, layer, pass.Step, pass.Plan!.FirstPosition + row), _mask.Row(row));
        }

        Kernels.Map(default(Multiply), input.Data, _mask.Data, output.Data, (nint)input.Rows * input.Stride);
        return output;
    }

    /// <summary><c>∂x = ∂y · mask</c></summary>
    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        if (!inputGradientWanted)
        {
            return default;
        }

        Kernels.Map(
            default(Multiply), outputGradient.Data, _mask.Data, outputGradient.Data, (nint)outputGradient.Rows * outputGradient.Stride);
        return outputGradient;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _output.Dispose();
        _masks.Dispose();
    }

    private void Draw(RandomStream random, Span<T> mask)
    {
        for (var i = 0; i < mask.Length; i += 4)
        {
            var block = random.Block((uint)(i / 4));
            ReadOnlySpan<uint> words = [block.Word0, block.Word1, block.Word2, block.Word3];
            for (var j = 0; j < 4 && i + j < mask.Length; j++)
            {
                mask[i + j] = RandomStream.ToUnit(words[j]) <= probability ? T.Zero : _kept;
            }
        }
    }
}
