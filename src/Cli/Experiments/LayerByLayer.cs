using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Experiments;

/// <summary>A finished model at work, with sight of what each layer passes on. Rows are samples.</summary>
internal sealed unsafe class LayerByLayer : IDisposable
{
    private const int RowsAtOnce = 100;

    private readonly Network<float> _network;
    private readonly int _inputSize;

    /// <summary>Takes over parameters, which must stay unchanged and alive.</summary>
    public LayerByLayer(ModelSpec model, ParameterSet parameters)
    {
        _network = new Network<float>(model, VectorKernels.Best, standAlone: true);
        _network.UseParameters(parameters.Pointer);
        _inputSize = model.Shapes()[0].Size;
    }

    /// <summary>Told the output of layer <paramref name="layer"/>, which it may change before the next layer reads it.</summary>
    public delegate void Visitor(int layer, Matrix<float> output);

    /// <summary>The scores of inputs, (rows, input) row by row; valid until the next call.</summary>
    public void Forward(ReadOnlySpan<float> inputs, Visitor visit)
    {
        var rows = inputs.Length / _inputSize;
        var stride = RowLayout.StrideFor(_inputSize);
        using var buffer = new AlignedBuffer<float>(rows * stride);
        var matrix = new Matrix<float>(buffer.Pointer, rows, _inputSize, stride);
        for (var row = 0; row < rows; row++)
        {
            inputs.Slice(row * _inputSize, _inputSize).CopyTo(matrix.Row(row));
        }

        for (var layer = 0; layer < _network.Layers.Count; layer++)
        {
            matrix = _network.Layers[layer].Forward(matrix, ForwardPass.Evaluation);
            visit(layer, matrix);
        }
    }

    /// <summary>The class with the highest score for each image, the first of equal ones.</summary>
    /// <param name="images">What to look at.</param>
    /// <param name="change">May change what each layer passes on; null changes nothing.</param>
    public byte[] Predict(LabeledImages images, Visitor? change = null)
    {
        var predictions = new byte[images.Count];
        var (last, pixels) = (_network.Layers.Count - 1, new float[RowsAtOnce * _inputSize]);
        for (var first = 0; first < images.Count; first += RowsAtOnce)
        {
            var rows = Math.Min(RowsAtOnce, images.Count - first);
            var bytes = images.Pixels.AsSpan(first * _inputSize, rows * _inputSize);
            for (var i = 0; i < bytes.Length; i++)
            {
                pixels[i] = bytes[i] / 255f;
            }

            var begin = first;
            Forward(pixels.AsSpan(0, bytes.Length), (layer, output) =>
            {
                change?.Invoke(layer, output);
                for (var row = 0; layer == last && row < output.Rows; row++)
                {
                    predictions[begin + row] = (byte)IndexOfMax(output.Row(row));
                }
            });
        }

        return predictions;
    }

    /// <summary>The fraction of predictions that are the labels.</summary>
    public static double Accuracy(ReadOnlySpan<byte> predictions, ReadOnlySpan<byte> labels)
    {
        var correct = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            correct += predictions[i] == labels[i] ? 1 : 0;
        }

        return (double)correct / labels.Length;
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    private static int IndexOfMax(ReadOnlySpan<float> scores)
    {
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
        {
            best = scores[i] > scores[best] ? i : best;
        }

        return best;
    }
}
