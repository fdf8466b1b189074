using System.Numerics;
using System.Text.Json.Serialization;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>How a weight starts.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<InitializerKind>))]
public enum InitializerKind
{
    /// <summary>Normal with standard deviation √(2 / in): He et al. 2015; the book's section 6.2.3. For ReLU.</summary>
    [JsonStringEnumMemberName("he")]
    He,

    /// <summary>
    /// Normal with standard deviation √(2 / (in + out)): Glorot and Bengio 2010, PyTorch's <c>xavier_normal_</c>. (The book uses √(1 / in).)
    /// For Sigmoid and Tanh.
    /// </summary>
    [JsonStringEnumMemberName("xavier")]
    Xavier,

    /// <summary>Normal with the standard deviation given beside it.</summary>
    [JsonStringEnumMemberName("gaussian")]
    Gaussian,
}

/// <summary>What training minimises.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LossKind>))]
public enum LossKind
{
    /// <summary><see cref="SoftmaxWithLoss{T}"/></summary>
    [JsonStringEnumMemberName("softmax-cross-entropy")]
    SoftmaxCrossEntropy,

    /// <summary><see cref="MeanSquaredError{T}"/></summary>
    [JsonStringEnumMemberName("mean-squared-error")]
    MeanSquaredError,
}

/// <summary>The description of one layer.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(AffineSpec), "affine")]
[JsonDerivedType(typeof(ReluSpec), "relu")]
[JsonDerivedType(typeof(SigmoidSpec), "sigmoid")]
[JsonDerivedType(typeof(TanhSpec), "tanh")]
public abstract record LayerSpec
{
    /// <summary>The parameters of the layer for samples of the given shape, with PyTorch's names and layouts.</summary>
    public virtual IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) => [];

    /// <summary>One sample's output.</summary>
    /// <exception cref="InvalidInputException">The layer cannot take such an input.</exception>
    public virtual Shape OutputShape(Shape input) => input;

    /// <summary>Fills a parameter with its initial values.</summary>
    public virtual void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer) => values.Clear();

    /// <summary>The layer itself. Offsets are those of <see cref="Parameters"/> in the model's flat buffer, in the same order.</summary>
    public abstract Layer<T> Build<T>(Kernels<T> kernels, Shape input, ReadOnlySpan<int> parameterOffsets)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}

/// <summary><see cref="Affine{T}"/></summary>
/// <param name="Units">The number of outputs, at least 1.</param>
/// <param name="Initializer">How the weight starts (default <c>he</c>); the bias starts at 0.</param>
/// <param name="StandardDeviation">For <see cref="InitializerKind.Gaussian"/> only; default 0.01, as in the book's chapter 4.</param>
public sealed record AffineSpec(int Units, InitializerKind Initializer = InitializerKind.He, float? StandardDeviation = null) : LayerSpec
{
    private const float BookStandardDeviation = 0.01f;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) =>
        [("weight", new Shape(Units, input.Size)), ("bias", new Shape(Units))];

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (Units < 1)
        {
            throw new InvalidInputException($"units is {Units}; an affine layer needs at least 1.");
        }

        if (StandardDeviation is not null && (Initializer != InitializerKind.Gaussian || !(StandardDeviation is > 0 and < float.PositiveInfinity)))
        {
            throw new InvalidInputException("standardDeviation must be above 0 and goes with the initializer gaussian only.");
        }

        if ((long)Units * input.Size > int.MaxValue)
        {
            throw new InvalidInputException($"a weight of ({Units}, {input.Size}) has more than {int.MaxValue} elements.");
        }

        return new Shape(Units);
    }

    /// <inheritdoc/>
    public override void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer)
    {
        if (name == "bias")
        {
            values.Clear();
            return;
        }

        var deviation = Initializer switch
        {
            InitializerKind.He => MathF.Sqrt(2f / input.Size),
            InitializerKind.Xavier => MathF.Sqrt(2f / (input.Size + Units)),
            _ => StandardDeviation ?? BookStandardDeviation,
        };
        Gaussian.Fill(values, deviation, seed, layer);
    }

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, ReadOnlySpan<int> parameterOffsets) =>
        new Affine<T>(kernels, input.Size, Units, parameterOffsets[0], parameterOffsets[1]);
}

/// <summary>max(0, x): <see cref="ReluForward"/></summary>
public sealed record ReluSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, ReadOnlySpan<int> parameterOffsets) =>
        new Activation<T, ReluForward, ReluBackward>(kernels, input);
}

/// <summary>The logistic function: <see cref="SigmoidForward"/></summary>
public sealed record SigmoidSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, ReadOnlySpan<int> parameterOffsets) =>
        new Activation<T, SigmoidForward, SigmoidBackward>(kernels, input);
}

/// <summary>The hyperbolic tangent: <see cref="TanhForward"/></summary>
public sealed record TanhSpec : LayerSpec
{
    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, ReadOnlySpan<int> parameterOffsets) =>
        new Activation<T, TanhForward, TanhBackward>(kernels, input);
}

/// <summary>A network: a list of layers and a loss. Equal specs have equal parameters, names and bits.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Input">One sample's shape; the dataset's samples must have as many elements.</param>
/// <param name="Layers">From input to output.</param>
/// <param name="Loss">What training minimises.</param>
public sealed record ModelSpec(
    string Name,
    IReadOnlyList<int> Input,
    IReadOnlyList<LayerSpec> Layers,
    LossKind Loss = LossKind.SoftmaxCrossEntropy)
{
    /// <summary>The shape of each layer's input, and of the last one's output.</summary>
    /// <exception cref="InvalidInputException">The layers do not fit together; the message names the layer.</exception>
    public IReadOnlyList<Shape> Shapes()
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

        var shapes = new List<Shape> { new([.. Input]) };
        var parameters = 0L;
        for (var i = 0; i < Layers.Count; i++)
        {
            try
            {
                shapes.Add((Layers[i] ?? throw new InvalidInputException("it is null.")).OutputShape(shapes[i]));
                parameters += Layers[i].Parameters(shapes[i]).Sum(parameter => (long)parameter.Shape.Size);
            }
            catch (InvalidInputException e)
            {
                throw new InvalidInputException($"Model {Name}, layer {i}: {e.Message}");
            }
        }

        return parameters switch
        {
            0 => throw new InvalidInputException($"Model {Name}: none of its layers has parameters, so there is nothing to learn."),
            > int.MaxValue => throw new InvalidInputException($"Model {Name}: it has {parameters} parameters; more than {int.MaxValue} are not supported."),
            _ => shapes,
        };
    }

    /// <summary>Where the parameters lie. Names are PyTorch's for an <c>nn.Sequential</c>: <c>0.weight</c>, <c>0.bias</c>, <c>2.weight</c> …</summary>
    public ParameterLayout ParameterLayout()
    {
        var shapes = Shapes();
        return new ParameterLayout(Layers.SelectMany((layer, i) => layer.Parameters(shapes[i]).Select(p => ($"{i}.{p.Name}", p.Shape))));
    }

    /// <summary>The parameters at step 0.</summary>
    /// <param name="seed">The run's seed.</param>
    public ParameterSet InitialParameters(ulong seed)
    {
        var shapes = Shapes();
        var parameters = new ParameterSet(ParameterLayout());
        var slot = 0;
        for (var i = 0; i < Layers.Count; i++)
        {
            foreach (var (name, _) in Layers[i].Parameters(shapes[i]))
            {
                Layers[i].Initialize(parameters.View(parameters.Layout.Slots[slot++]), name, shapes[i], seed, i);
            }
        }

        return parameters;
    }
}
