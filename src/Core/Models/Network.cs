using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>
/// A model that computes: the network is a list of layers, backpropagation is the list reversed (the book's chapter 5). One instance serves
/// one thread.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class Network<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Layer<T>[] _layers;
    private readonly Loss<T> _loss;

    /// <summary>Builds the layers of <paramref name="model"/>.</summary>
    public Network(ModelSpec model, Kernels<T> kernels)
    {
        var shapes = model.Shapes();
        var layout = model.ParameterLayout();
        _layers = new Layer<T>[model.Layers.Count];
        var slot = 0;
        for (var i = 0; i < _layers.Length; i++)
        {
            var offsets = new int[model.Layers[i].Parameters(shapes[i]).Count];
            for (var p = 0; p < offsets.Length; p++)
            {
                offsets[p] = layout.Slots[slot++].Offset;
            }

            _layers[i] = model.Layers[i].Build(kernels, shapes[i], offsets);
        }

        var classes = shapes[^1].Size;
        _loss = model.Loss == LossKind.SoftmaxCrossEntropy ? new SoftmaxWithLoss<T>(kernels, classes) : new MeanSquaredError<T>(kernels, classes);
    }

    /// <summary>The layers, from input to output.</summary>
    public IReadOnlyList<Layer<T>> Layers => _layers;

    /// <summary>Takes over new parameter values: <see cref="Layer{T}.UseParameters"/>.</summary>
    public void UseParameters(T* parameters)
    {
        foreach (var layer in _layers)
        {
            layer.UseParameters(parameters);
        }
    }

    /// <summary>(rows, input) → scores (rows, classes)</summary>
    public Matrix<T> Forward(Matrix<T> input)
    {
        var result = input;
        foreach (var layer in _layers)
        {
            result = layer.Forward(result);
        }

        return result;
    }

    /// <summary>The loss of each row, (rows, 1).</summary>
    public Matrix<T> Loss(Matrix<T> scores, ReadOnlySpan<byte> labels)
    {
        _loss.Forward(scores, labels);
        return _loss.Losses;
    }

    /// <summary>
    /// Forward and backward pass: scores and losses per row, and for each node of the plan the gradient of the loss sum over its rows.
    /// </summary>
    /// <param name="input">(rows, input)</param>
    /// <param name="labels">One per row.</param>
    /// <param name="gradients">Where the gradients go.</param>
    /// <param name="losses">(rows, 1)</param>
    /// <returns>The scores, (rows, classes).</returns>
    public Matrix<T> Gradients(Matrix<T> input, ReadOnlySpan<byte> labels, in GradientFold<T> gradients, out Matrix<T> losses)
    {
        var scores = Forward(input);
        var gradient = _loss.Forward(scores, labels);
        losses = _loss.Losses;
        for (var i = _layers.Length - 1; i >= 0; i--)
        {
            gradient = _layers[i].Backward(gradient, gradients, inputGradientWanted: i > 0);
        }

        return scores;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer.Dispose();
        }

        _loss.Dispose();
    }
}
