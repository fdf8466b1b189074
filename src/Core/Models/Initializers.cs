using System.Text.Json.Serialization;

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

    /// <summary>All zeros: the mistake of the book's section 6.2.1, for experiments. All units of a layer then stay equal for ever.</summary>
    [JsonStringEnumMemberName("zero")]
    Zero,
}

/// <summary>The rules of initial weights, one place for all layers that have some.</summary>
public static class WeightRules
{
    private const float BookStandardDeviation = 0.01f;

    /// <summary>Checks the pair of options that weights have.</summary>
    /// <exception cref="InvalidInputException">They do not go together.</exception>
    public static void Validate(InitializerKind initializer, float? standardDeviation)
    {
        if (standardDeviation is not null && (initializer != InitializerKind.Gaussian || !(standardDeviation is > 0 and < float.PositiveInfinity)))
        {
            throw new InvalidInputException("standardDeviation must be above 0 and goes with the initializer gaussian only.");
        }
    }

    /// <summary>Fills a weight.</summary>
    /// <param name="values">The weight.</param>
    /// <param name="initializer">How it starts.</param>
    /// <param name="standardDeviation">For gaussian; null is 0.01, as in the book's chapter 4.</param>
    /// <param name="fanIn">Inputs that one output sums over.</param>
    /// <param name="fanOut">Outputs that one input takes part in.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="layer">The layer's number.</param>
    public static void Fill(Span<float> values, InitializerKind initializer, float? standardDeviation, int fanIn, int fanOut, ulong seed, int layer)
    {
        if (initializer == InitializerKind.Zero)
        {
            values.Clear();
            return;
        }

        var deviation = initializer switch
        {
            InitializerKind.He => MathF.Sqrt(2f / fanIn),
            InitializerKind.Xavier => MathF.Sqrt(2f / (fanIn + fanOut)),
            _ => standardDeviation ?? BookStandardDeviation,
        };
        Gaussian.Fill(values, deviation, seed, layer);
    }
}
