using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>
/// Layer specs one after the other, from a given input: a model's, or one path of a block. Tensors are named as in PyTorch's
/// <c>nn.Sequential</c>: <c>0.weight</c>, <c>0.bias</c>, <c>2.weight</c> …
/// </summary>
public sealed class LayerChain
{
    private readonly IReadOnlyList<LayerSpec> _layers;

    /// <summary>Puts the layers together.</summary>
    /// <param name="layers">From input to output; may be empty.</param>
    /// <param name="input">One sample's input.</param>
    /// <param name="what">For messages: <c>layer</c>, or the path's name and <c>layer</c>.</param>
    /// <exception cref="InvalidInputException">They do not fit together; the message names the layer and its input.</exception>
    public LayerChain(IReadOnlyList<LayerSpec> layers, Shape input, string what = "layer")
    {
        _layers = layers;
        var shapes = new List<Shape> { input };
        for (var i = 0; i < layers.Count; i++)
        {
            var layer = layers[i] ?? throw new InvalidInputException($"{what} {i} is null.");
            try
            {
                shapes.Add(layer.OutputShape(shapes[i]));
            }
            catch (InvalidInputException e)
            {
                throw new InvalidInputException($"{what} {i} ({SpecCatalog.NameOf(layer)}), whose input is {shapes[i]}: {e.Message}", e);
            }
        }

        Shapes = shapes;
    }

    /// <summary>From input to output.</summary>
    public IReadOnlyList<LayerSpec> Layers => _layers;

    /// <summary>The shape of each layer's input, and of the last one's output.</summary>
    public IReadOnlyList<Shape> Shapes { get; }

    /// <summary>One sample's output.</summary>
    public Shape Output => Shapes[^1];

    /// <summary>How many layers there are, those inside of blocks included.</summary>
    public int LayerCount => _layers.Sum(layer => layer.LayerCount());

    /// <summary>Multiplications with an addition in the forward pass of one sample.</summary>
    public long MultiplyAdds => _layers.Select((layer, i) => layer.MultiplyAdds(Shapes[i])).Sum();

    /// <summary>The smallest <see cref="LayerSpec.StatisticSize"/> of its layers; null if none has one.</summary>
    public int? SmallestStatisticSize => _layers.Select((layer, i) => layer.StatisticSize(Shapes[i])).Min();

    /// <summary>Why a model with these layers cannot be trained; null if it can.</summary>
    public string? ReasonNotToTrain => _layers.Select(layer => layer.ReasonNotToTrain()).FirstOrDefault(reason => reason is not null);

    /// <summary>All parameters.</summary>
    public IEnumerable<(string Name, Shape Shape)> Parameters() =>
        _layers.SelectMany((layer, i) => layer.Parameters(Shapes[i]).Select(p => ($"{i}.{p.Name}", p.Shape)));

    /// <summary>All buffers.</summary>
    public IEnumerable<BufferSpec> Buffers() =>
        _layers.SelectMany((layer, i) => layer.Buffers(Shapes[i]).Select(b => b with { Name = $"{i}.{b.Name}" }));

    /// <summary>Fills a tensor of the chain with its initial values.</summary>
    /// <param name="values">The tensor.</param>
    /// <param name="name">Its name in this chain.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="firstLayer">The number of the chain's first layer in the model.</param>
    public void Initialize(Span<float> values, string name, ulong seed, int firstLayer)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        var index = int.Parse(name.AsSpan(0, dot), System.Globalization.CultureInfo.InvariantCulture);
        var number = firstLayer + _layers.Take(index).Sum(layer => layer.LayerCount());
        _layers[index].Initialize(values, name[(dot + 1)..], Shapes[index], seed, number);
    }

    /// <summary>The layers themselves.</summary>
    /// <param name="kernels">What they compute with.</param>
    /// <param name="place">The number of the first one, and the tensors of all.</param>
    /// <param name="standAlone">Whether each layer must give what it is named for: <see cref="LayerSequence{T}"/>.</param>
    public LayerSequence<T> Build<T>(Kernels<T> kernels, in LayerPlace place, bool standAlone = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var built = new Layer<T>[_layers.Count];
        var firstElements = new int[_layers.Count];
        var (number, parameter, buffer) = (place.Layer, 0, 0);
        for (var i = 0; i < built.Length; i++)
        {
            var parameters = _layers[i].Parameters(Shapes[i]).Count;
            var buffers = _layers[i].Buffers(Shapes[i]).Count;
            var own = new LayerPlace(number, place.ParameterOffsets.Slice(parameter, parameters), place.BufferOffsets.Slice(buffer, buffers));
            built[i] = _layers[i].Build(kernels, Shapes[i], own);
            firstElements[i] = parameter < place.ParameterOffsets.Length ? place.ParameterOffsets[parameter] : int.MaxValue;
            parameter += parameters;
            buffer += buffers;
            number += _layers[i].LayerCount();
        }

        return new LayerSequence<T>(built, standAlone, firstElements);
    }
}
