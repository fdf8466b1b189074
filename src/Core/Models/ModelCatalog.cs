namespace DistTrain.Core.Models;

/// <summary>The models known by name.</summary>
public static class ModelCatalog
{
    private const int MnistPixels = 784;
    private const int MnistClasses = 10;

    private static readonly Dictionary<string, Func<ModelSpec>> Models = new(StringComparer.Ordinal)
    {
        ["two-layer"] = () => MultiLayer("two-layer", [100]),
        ["mlp-1024"] = () => MultiLayer("mlp-1024", [1024, 1024]),
        ["multi-layer"] = () => MultiLayer("multi-layer", [100, 100, 100]),
    };

    /// <summary>The names, in the order to show them.</summary>
    public static IReadOnlyCollection<string> Names => Models.Keys;

    /// <summary>The model of that name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists those there are.</exception>
    public static ModelSpec Get(string name) => Models.TryGetValue(name, out var create)
        ? create()
        : throw new InvalidInputException($"Unknown model '{name}'. Known models: {string.Join(", ", Names)}; or give the path of a ModelSpec file (*.json).");

    /// <summary>The book's MultiLayerNet (chapter 6): fully connected, any hidden sizes, one activation between the layers.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="hiddenSizes">The units of each hidden layer.</param>
    /// <param name="activation">Between the layers; default ReLU.</param>
    /// <param name="initializer">Of all weights; default He.</param>
    public static ModelSpec MultiLayer(
        string name,
        IReadOnlyList<int> hiddenSizes,
        LayerSpec? activation = null,
        InitializerKind initializer = InitializerKind.He)
    {
        var layers = new List<LayerSpec>();
        foreach (var units in hiddenSizes)
        {
            layers.Add(new AffineSpec(units, initializer));
            layers.Add(activation ?? new ReluSpec());
        }

        layers.Add(new AffineSpec(MnistClasses, initializer));
        return new ModelSpec(name, [MnistPixels], layers);
    }
}
