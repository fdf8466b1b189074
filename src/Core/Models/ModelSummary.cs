using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>What one layer of a model does to a sample, and what it costs.</summary>
/// <param name="Path">Its place, with which the names of its tensors begin: <c>3</c>, or inside of a block <c>3.main.0</c>.</param>
/// <param name="Depth">0 for a layer of the model, 1 for one inside of a block, and so on.</param>
/// <param name="Kind">Its <c>type</c> in JSON.</param>
/// <param name="Input">One sample's input.</param>
/// <param name="Output">One sample's output.</param>
/// <param name="Parameters">Elements that are learnt; of a block, those of all its layers.</param>
/// <param name="Buffers">Elements that are measured; of a block, those of all its layers.</param>
/// <param name="MultiplyAdds">Of one sample's forward pass, products and convolutions only; of a block, those of all its layers.</param>
public sealed record LayerSummary(
    string Path, int Depth, string Kind, Shape Input, Shape Output, long Parameters, long Buffers, long MultiplyAdds);

/// <summary>A model, layer by layer. The layers of a block follow it, one level deeper.</summary>
/// <param name="Layers">In the order of their tensors.</param>
public sealed record ModelSummary(IReadOnlyList<LayerSummary> Layers)
{
    /// <summary>Elements that are learnt.</summary>
    public long Parameters => Layers.Where(layer => layer.Depth == 0).Sum(layer => layer.Parameters);

    /// <summary>Elements that are measured.</summary>
    public long Buffers => Layers.Where(layer => layer.Depth == 0).Sum(layer => layer.Buffers);

    /// <summary>Multiplications with an addition in the forward pass of one sample.</summary>
    public long MultiplyAdds => Layers.Where(layer => layer.Depth == 0).Sum(layer => layer.MultiplyAdds);

    /// <summary>Bytes of parameters and buffers together: the data of a <c>parameters.safetensors</c>.</summary>
    public long Bytes => (Parameters + Buffers) * sizeof(float);

    /// <summary>Describes a model.</summary>
    /// <exception cref="InvalidInputException">Its layers do not fit together; the message names the layer.</exception>
    public static ModelSummary Of(ModelSpec model)
    {
        var layers = new List<LayerSummary>();
        Append(layers, model.Chain(), prefix: "", depth: 0);
        return new ModelSummary(layers);
    }

    private static void Append(List<LayerSummary> layers, LayerChain chain, string prefix, int depth)
    {
        for (var i = 0; i < chain.Layers.Count; i++)
        {
            var (layer, input) = (chain.Layers[i], chain.Shapes[i]);
            layers.Add(new LayerSummary(
                $"{prefix}{i}",
                depth,
                SpecCatalog.NameOf(layer),
                input,
                chain.Shapes[i + 1],
                layer.Parameters(input).Sum(parameter => (long)parameter.Shape.Size),
                layer.Buffers(input).Sum(buffer => (long)buffer.Shape.Size),
                layer.MultiplyAdds(input)));
            foreach (var (name, path) in layer is BlockSpec block ? block.Chains(input) : [])
            {
                Append(layers, path, $"{prefix}{i}.{name}.", depth + 1);
            }
        }
    }
}
