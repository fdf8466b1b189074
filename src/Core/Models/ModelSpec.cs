using DistTrain.Core.Losses;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>A network: a list of layers and a loss. Equal specs have equal parameters, names and bits.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Input">One sample's shape; the dataset's samples must have as many elements.</param>
/// <param name="Layers">From input to output.</param>
/// <param name="Loss">What training minimises; default softmax-cross-entropy.</param>
/// <param name="Normalization">What is done to every sample before the first layer; null for nothing.</param>
public sealed record ModelSpec(
    string Name,
    IReadOnlyList<int> Input,
    IReadOnlyList<LayerSpec> Layers,
    LossSpec? Loss = null,
    NormalizationSpec? Normalization = null)
{
    /// <summary>What training minimises.</summary>
    public LossSpec Loss { get; init; } = Loss ?? new SoftmaxCrossEntropySpec();

    /// <summary>The shape of each layer's input, and of the last one's output.</summary>
    /// <exception cref="InvalidInputException">The layers do not fit together; the message names the layer.</exception>
    public IReadOnlyList<Shape> Shapes() => Chain().Shapes;

    /// <summary>The layers, put together.</summary>
    /// <exception cref="InvalidInputException">They do not fit together, or there is nothing to learn; the message names the layer.</exception>
    public LayerChain Chain()
    {
        if (Input is not { Count: > 0 } || Input.Any(dimension => dimension < 1))
        {
            throw new InvalidInputException($"Model {Name}: input must be a list of dimensions of at least 1, for example [784].");
        }

        if (Input.Aggregate(1d, (size, dimension) => size * dimension) > int.MaxValue)
        {
            throw new InvalidInputException($"Model {Name}: an input of ({string.Join(", ", Input)}) has more than {int.MaxValue} elements.");
        }

        if (Layers is not { Count: > 0 })
        {
            throw new InvalidInputException($"Model {Name}: layers must name at least one layer.");
        }

        if (Layers.OfType<BlockSpec>().Select(block => block.Depth()).DefaultIfEmpty().Max() is > BlockSpec.MaximumDepth and var depth)
        {
            throw new InvalidInputException($"Model {Name}: its blocks lie {depth} inside of each other; at most {BlockSpec.MaximumDepth} can.");
        }

        try
        {
            Loss.Validate();
            Normalization?.Validate(Input);
            var chain = new LayerChain(Layers, new Shape([.. Input]));
            var parameters = chain.Parameters().Sum(parameter => (long)parameter.Shape.Size) + chain.Buffers().Sum(buffer => (long)buffer.Shape.Size);
            return parameters switch
            {
                0 => throw new InvalidInputException("none of its layers has parameters, so there is nothing to learn."),
                > int.MaxValue => throw new InvalidInputException($"it has {parameters} parameters; more than {int.MaxValue} are not supported."),
                _ => chain,
            };
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"Model {Name}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Where parameters and buffers lie. Names are PyTorch's for an <c>nn.Sequential</c>: <c>0.weight</c>, <c>0.bias</c>, <c>2.weight</c> …
    /// </summary>
    public ParameterLayout ParameterLayout()
    {
        var chain = Chain();
        return new ParameterLayout(chain.Parameters(), chain.Buffers());
    }

    /// <summary>The parameters and buffers at step 0.</summary>
    /// <param name="seed">The run's seed.</param>
    public ParameterSet InitialParameters(ulong seed)
    {
        var chain = Chain();
        var parameters = new ParameterSet(ParameterLayout());
        foreach (var slot in parameters.Layout.Slots)
        {
            chain.Initialize(parameters.View(slot), slot.Name, seed, firstLayer: 0);
        }

        return parameters;
    }
}
