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
        ["simple-convnet"] = ConvolutionalModels.SimpleConvNet,
        ["deep-convnet"] = ConvolutionalModels.DeepConvNet,
        ["lenet-5"] = ConvolutionalModels.LeNet5,
        ["inception-small"] = ConvolutionalModels.InceptionSmall,
        ["vgg-small"] = ConvolutionalModels.VggSmall,
        ["alexnet"] = ConvolutionalModels.AlexNet,
        ["alexnet-28"] = ConvolutionalModels.AlexNet28,
        ["resnet-20"] = () => ResidualModels.ResNet20("resnet-20", [1, 28, 28]),
        ["resnet-20-cifar"] = () => ResidualModels.ResNet20("resnet-20-cifar", [3, 32, 32]),
        ["plain-20"] = () => ResidualModels.Plain20("plain-20", [1, 28, 28]),
        ["perceptron-and"] = () => Perceptrons.And,
        ["perceptron-nand"] = () => Perceptrons.Nand,
        ["perceptron-or"] = () => Perceptrons.Or,
        ["perceptron-xor"] = () => Perceptrons.Xor,
    };

    /// <summary>The names, in the order to show them.</summary>
    public static IReadOnlyCollection<string> Names => Models.Keys;

    /// <summary>The model of that name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists those there are.</exception>
    public static ModelSpec Get(string name) => Models.TryGetValue(name, out var create)
        ? create()
        : throw new InvalidInputException($"Unknown model '{name}'. Known models: {string.Join(", ", Names)}; or give the path of a ModelSpec file (*.json).");

    /// <summary>Adds a model of your own to the names; in a program of yours, before anything else.</summary>
    /// <exception cref="InvalidOperationException">The name is taken.</exception>
    public static void Add(string name, Func<ModelSpec> create)
    {
        if (!Models.TryAdd(name, create))
        {
            throw new InvalidOperationException($"There is a model '{name}' already.");
        }
    }

    /// <summary>
    /// The book's MultiLayerNet and MultiLayerNetExtend (chapter 6): fully connected, any hidden sizes; after each hidden layer batch normalisation, if
    /// asked for, the activation, and dropout, if asked for.
    /// </summary>
    /// <param name="name">The model's name.</param>
    /// <param name="hiddenSizes">The units of each hidden layer.</param>
    /// <param name="activation">Between the layers; default ReLU.</param>
    /// <param name="initializer">Of all weights; default He.</param>
    /// <param name="batchNormalization">Whether there is batch normalisation before each activation.</param>
    /// <param name="dropout">The probability of dropout after each activation; null for none.</param>
    /// <param name="standardDeviation">Of the initializer gaussian; null for its default.</param>
    public static ModelSpec MultiLayer(
        string name,
        IReadOnlyList<int> hiddenSizes,
        LayerSpec? activation = null,
        InitializerKind initializer = InitializerKind.He,
        bool batchNormalization = false,
        float? dropout = null,
        float? standardDeviation = null)
    {
        var layers = new List<LayerSpec>();
        foreach (var units in hiddenSizes)
        {
            layers.Add(new AffineSpec(units, initializer, standardDeviation));
            if (batchNormalization)
            {
                layers.Add(new BatchNormalizationSpec());
            }

            layers.Add(activation ?? new ReluSpec());
            if (dropout is { } probability)
            {
                layers.Add(new DropoutSpec(probability));
            }
        }

        layers.Add(new AffineSpec(MnistClasses, initializer, standardDeviation));
        return new ModelSpec(name, [MnistPixels], layers);
    }
}
