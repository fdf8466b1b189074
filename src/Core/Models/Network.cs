using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Losses;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Models;

/// <summary>
/// A model that computes: the network is a list of layers, backpropagation is the list reversed (the book's chapter 5). One instance serves
/// one thread.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class Network<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly LayerSequence<T> _layers;
    private readonly Loss<T> _loss;
    private T* _arriving;
    private IParameterArrival? _arrival;

    /// <summary>Builds the layers of <paramref name="model"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="kernels">What it computes with.</param>
    /// <param name="standAlone">
    /// Whether each of <see cref="Layers"/> must give what it is named for, because somebody looks at or changes what passes between them; default false.
    /// </param>
    public Network(ModelSpec model, Kernels<T> kernels, bool standAlone = false)
    {
        var chain = model.Chain();
        var layout = model.ParameterLayout();
        int[] parameterOffsets = [.. layout.ParameterSlots.Select(slot => slot.Offset)];
        int[] bufferOffsets = [.. layout.Buffers.Select(buffer => buffer.Slot.Offset)];
        _layers = chain.Build(kernels, new LayerPlace(layer: 0, parameterOffsets, bufferOffsets), standAlone);
        _loss = model.Loss.Build(kernels, chain.Output.Size);
    }

    /// <summary>The layers, from input to output.</summary>
    public IReadOnlyList<Layer<T>> Layers => _layers.Layers;

    /// <summary>Takes over new parameter values: <see cref="Layer{T}.UseParameters"/>.</summary>
    public void UseParameters(T* parameters)
    {
        _arrival = null;
        _layers.UseParameters(parameters);
    }

    /// <summary>The same for parameters that are still on their way: the next forward pass takes them over layer by layer.</summary>
    public void UseParameters(T* parameters, IParameterArrival arrival)
    {
        _arriving = parameters;
        _arrival = arrival;
    }

    /// <summary>(rows, input) → scores (rows, classes)</summary>
    /// <exception cref="ParametersLostException">Parameters on their way do not come.</exception>
    public Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        if (_arrival is not { } arrival)
        {
            return _layers.Forward(input, pass);
        }

        _arrival = null;
        return _layers.Forward(input, pass, _arriving, arrival);
    }

    /// <summary>The input of layer <paramref name="layer"/>.</summary>
    public Matrix<T> ForwardUpTo(int layer, Matrix<T> input, in ForwardPass pass)
    {
        for (var i = 0; i < layer; i++)
        {
            input = Layers[i].Forward(input, pass);
        }

        return input;
    }

    /// <summary>The scores from the input of layer <paramref name="layer"/>.</summary>
    public Matrix<T> ForwardFrom(int layer, Matrix<T> input, in ForwardPass pass)
    {
        for (var i = layer; i < Layers.Count; i++)
        {
            input = Layers[i].Forward(input, pass);
        }

        return input;
    }

    /// <summary>The loss of each row, (rows, 1).</summary>
    public Matrix<T> Loss(Matrix<T> scores, ReadOnlySpan<byte> labels, bool isTraining)
    {
        _loss.Forward(scores, labels, isTraining);
        return _loss.Losses;
    }

    /// <summary>
    /// Forward and backward pass of a training step: scores and losses per row, and for each node of the plan the gradient of the loss sum over
    /// its rows.
    /// </summary>
    /// <param name="input">(rows, input)</param>
    /// <param name="labels">One per row.</param>
    /// <param name="pass">The step; its plan is that of <paramref name="gradients"/>.</param>
    /// <param name="gradients">Where the gradients go.</param>
    /// <param name="losses">(rows, 1)</param>
    /// <param name="progress">Told which gradients are final while the backward pass goes on; null, the default, for nobody.</param>
    /// <returns>The scores, (rows, classes).</returns>
    public Matrix<T> Gradients(
        Matrix<T> input, ReadOnlySpan<byte> labels, in ForwardPass pass, in GradientFold<T> gradients, out Matrix<T> losses, IGradientProgress? progress = null)
    {
        var scores = Forward(input, pass);
        var gradient = _loss.Forward(scores, labels, isTraining: true);
        losses = _loss.Losses;
        if (progress is null)
        {
            _layers.Backward(gradient, gradients, inputGradientWanted: false);
        }
        else
        {
            _layers.Backward(gradient, gradients, progress);
        }

        return scores;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _layers.Dispose();
        _loss.Dispose();
    }
}
