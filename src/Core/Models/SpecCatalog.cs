using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using DistTrain.Core.Losses;

namespace DistTrain.Core.Models;

/// <summary>
/// The layers and losses that a <see cref="ModelSpec"/> can name, and the names they have in its JSON. A program adds its own before it reads or
/// writes the first specification; coordinator and workers must be programs that have added the same.
/// </summary>
public static class SpecCatalog
{
    private static readonly Lock Gate = new();
    private static readonly List<JsonDerivedType> LayerTypes =
    [
        new(typeof(AffineSpec), "affine"),
        new(typeof(ReluSpec), "relu"),
        new(typeof(SigmoidSpec), "sigmoid"),
        new(typeof(TanhSpec), "tanh"),
        new(typeof(LeakyReluSpec), "leaky-relu"),
        new(typeof(GeluSpec), "gelu"),
        new(typeof(IdentitySpec), "identity"),
        new(typeof(StepSpec), "step"),
        new(typeof(ConvolutionSpec), "convolution"),
        new(typeof(MaxPoolingSpec), "max-pooling"),
        new(typeof(AveragePoolingSpec), "average-pooling"),
        new(typeof(GlobalAveragePoolingSpec), "global-average-pooling"),
        new(typeof(FlattenSpec), "flatten"),
        new(typeof(SoftmaxSpec), "softmax"),
        new(typeof(BatchNormalizationSpec), "batch-normalization"),
        new(typeof(LocalResponseNormalizationSpec), "local-response-normalization"),
        new(typeof(DropoutSpec), "dropout"),
        new(typeof(ResidualSpec), "residual"),
        new(typeof(ParallelSpec), "parallel"),
    ];

    private static readonly List<JsonDerivedType> LossTypes =
    [
        new(typeof(SoftmaxCrossEntropySpec), "softmax-cross-entropy"),
        new(typeof(MeanSquaredErrorSpec), "mean-squared-error"),
    ];

    private static bool _isInUse;

    /// <summary>The names of the layers.</summary>
    public static IEnumerable<string> LayerNames => Names(LayerTypes);

    /// <summary>The names of the losses.</summary>
    public static IEnumerable<string> LossNames => Names(LossTypes);

    /// <summary>Adds a layer of your own.</summary>
    /// <param name="name">Its <c>type</c> in JSON.</param>
    /// <exception cref="InvalidOperationException">The name or type is taken, or a specification has been read or written already.</exception>
    public static void AddLayer<TSpec>(string name)
        where TSpec : LayerSpec => Add(LayerTypes, typeof(TSpec), name);

    /// <summary>Adds a loss of your own.</summary>
    /// <param name="name">Its <c>type</c> in JSON.</param>
    /// <exception cref="InvalidOperationException">The name or type is taken, or a specification has been read or written already.</exception>
    public static void AddLoss<TSpec>(string name)
        where TSpec : LossSpec => Add(LossTypes, typeof(TSpec), name);

    /// <summary>The name of a layer's kind; for one that was not added, its type's.</summary>
    public static string NameOf(LayerSpec layer) => NameOf(LayerTypes, layer);

    /// <summary>The name of a loss; for one that was not added, its type's.</summary>
    public static string NameOf(LossSpec loss) => NameOf(LossTypes, loss);

    /// <summary>The type of a loss by its name; null if there is none.</summary>
    internal static Type? FindLoss(string name)
    {
        lock (Gate)
        {
            _isInUse = true;
            return LossTypes.Find(type => (string)type.TypeDiscriminator! == name).DerivedType;
        }
    }

    /// <summary>Tells the serializer which layers there are; called when it first meets one.</summary>
    internal static void Describe(JsonTypeInfo type)
    {
        if (type.Type != typeof(LayerSpec))
        {
            return;
        }

        type.PolymorphismOptions = new JsonPolymorphismOptions
        {
            TypeDiscriminatorPropertyName = "type",
            UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization,
        };
        lock (Gate)
        {
            _isInUse = true;
            LayerTypes.ForEach(type.PolymorphismOptions.DerivedTypes.Add);
        }
    }

    private static void Add(List<JsonDerivedType> types, Type type, string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        lock (Gate)
        {
            if (_isInUse)
            {
                throw new InvalidOperationException($"'{name}' must be added before the first specification is read or written.");
            }

            if (types.Exists(known => known.DerivedType == type || (string)known.TypeDiscriminator! == name))
            {
                throw new InvalidOperationException($"'{name}' or {type.Name} has been added already.");
            }

            types.Add(new JsonDerivedType(type, name));
        }
    }

    private static string NameOf(List<JsonDerivedType> types, object spec)
    {
        lock (Gate)
        {
            return types.Find(known => known.DerivedType == spec.GetType()).TypeDiscriminator as string ?? spec.GetType().Name;
        }
    }

    private static List<string> Names(List<JsonDerivedType> types)
    {
        lock (Gate)
        {
            return [.. types.Select(type => (string)type.TypeDiscriminator!)];
        }
    }
}
