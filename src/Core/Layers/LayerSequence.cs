using System.IO.Hashing;
using System.Numerics;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Layers;

/// <summary>Layers one after the other: forward is the list, backpropagation is the list reversed (the book's chapter 5).</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class LayerSequence<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The layers, those that gain by it put together.</summary>
    private readonly Layer<T>[] _passes;

    /// <summary>For each pass the first of its parameters in the flat buffer, or of those after it.</summary>
    private readonly int[] _firstElements;

    /// <summary>For each pass its first layer, and the number of layers.</summary>
    private readonly int[] _firstLayers;

    /// <summary>Puts layers together.</summary>
    /// <param name="layers">From input to output, of this sequence alone; may be empty: then it passes on what comes.</param>
    /// <param name="standAlone">
    /// True if each layer must give what it is named for, because somebody looks at or changes what passes between them; default false: some then do the work of
    /// their neighbours, in the same bits.
    /// </param>
    /// <param name="firstElements">
    /// For each layer the first of its parameters in the flat buffer; of a layer without, the first of the layers after it. Null if nobody asks for progress.
    /// </param>
    public LayerSequence(IReadOnlyList<Layer<T>> layers, bool standAlone = false, IReadOnlyList<int>? firstElements = null)
    {
        Layers = layers;
        if (!standAlone)
        {
            RectifierFusion.Apply(layers);
        }

        var passes = (standAlone ? layers.Select((layer, i) => (Layer: layer, First: i)) : Passes(layers)).ToList();
        _passes = [.. passes.Select(pass => pass.Layer)];
        _firstLayers = [.. passes.Select(pass => pass.First), layers.Count];
        _firstElements = firstElements is null ? [] : [.. passes.Select(pass => firstElements[pass.First])];
    }

    /// <summary>From input to output.</summary>
    public IReadOnlyList<Layer<T>> Layers { get; }

    /// <summary><see cref="Layer{T}.UseParameters"/></summary>
    public void UseParameters(T* parameters)
    {
        for (var i = 0; i < Layers.Count; i++)
        {
            Layers[i].UseParameters(parameters);
        }
    }

    /// <summary><see cref="Layer{T}.Forward"/></summary>
    public Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        var result = input;
        foreach (var layer in _passes)
        {
            result = layer.Forward(result, pass);
        }

        return result;
    }

    /// <summary>
    /// <see cref="UseParameters"/> and <see cref="Layer{T}.Forward"/> as parameters come: each layer takes over its own as soon as they are there. Only for a sequence that
    /// knows where its parameters lie.
    /// </summary>
    /// <param name="input">(rows, input)</param>
    /// <param name="pass">What it is for.</param>
    /// <param name="parameters">The flat buffer into which they come.</param>
    /// <param name="arrival">How far they have come.</param>
    /// <exception cref="ParametersLostException">They do not come; the layers' parameters are undefined until the next call.</exception>
    public Matrix<T> Forward(Matrix<T> input, in ForwardPass pass, T* parameters, IParameterArrival arrival)
    {
        var result = input;
        for (var i = 0; i < _passes.Length; i++)
        {
            arrival.Await(i + 1 < _passes.Length ? _firstElements[i + 1] : int.MaxValue);
            for (var layer = _firstLayers[i]; layer < _firstLayers[i + 1]; layer++)
            {
                Layers[layer].UseParameters(parameters);
            }

            result = _passes[i].Forward(result, pass);
        }

        return result;
    }

    /// <summary><see cref="Layer{T}.Backward"/></summary>
    public Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        var gradient = outputGradient;
        for (var i = _passes.Length - 1; i >= 0; i--)
        {
            gradient = _passes[i].Backward(gradient, gradients, inputGradientWanted || i > 0);
        }

        return gradient;
    }

    /// <summary><see cref="Layer{T}.Backward"/> of the first layers of a model, told to somebody: only for a sequence that knows where its parameters lie.</summary>
    /// <param name="outputGradient">(rows, output)</param>
    /// <param name="gradients">Where the parameter gradients go.</param>
    /// <param name="progress">Told after each layer with parameters.</param>
    public void Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, IGradientProgress progress)
    {
        var gradient = outputGradient;
        var told = int.MaxValue;
        for (var i = _passes.Length - 1; i >= 0; i--)
        {
            gradient = _passes[i].Backward(gradient, gradients, i > 0);
            if (_firstElements[i] < told)
            {
                told = _firstElements[i];
                progress.Final(told);
            }
        }
    }

    /// <summary><see cref="Layer{T}.AppendBranches"/></summary>
    public void AppendBranches(XxHash128 branches)
    {
        foreach (var layer in Layers)
        {
            layer.AppendBranches(branches);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in Layers)
        {
            layer.Dispose();
        }
    }

    /// <summary>A convolution, maybe a rectifier, and a pooling become one.</summary>
    private static IEnumerable<(Layer<T> Layer, int First)> Passes(IReadOnlyList<Layer<T>> layers)
    {
        for (var i = 0; i < layers.Count; i++)
        {
            var next = i + 1 < layers.Count && layers[i + 1] is IRectifier { IsPassedOn: true } ? i + 2 : i + 1;
            if (next < layers.Count && layers[i] is Convolution<T> convolution && layers[next] is MaxPooling<T> pooling
                && convolution.With(pooling) is { } pooled)
            {
                yield return (pooled, i);
                i = next;
            }
            else
            {
                yield return (layers[i], i);
            }
        }
    }
}
