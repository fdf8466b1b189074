namespace DistTrain.Core.Optimizers;

/// <summary>
/// The description of an optimizer. Names, formulas and defaults are PyTorch's; a hyperparameter that is null takes the optimizer's default,
/// and one that the optimizer does not have must be null. They are <see cref="double"/> as in PyTorch: what is derived from them, such as
/// 1 − β, is computed in double and rounded once to the binary32 that the update uses.
/// </summary>
/// <remarks>
/// Decay, L1 and clipping see all parameters, as in PyTorch and its peers; the book decays weights only, not biases.
/// </remarks>
/// <param name="Name">sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw or lamb.</param>
/// <param name="LearningRate">η, above 0.</param>
/// <param name="Momentum">μ of momentum and nesterov, in [0, 1); default 0.9.</param>
/// <param name="Alpha">The smoothing constant of rmsprop, in [0, 1); default 0.99.</param>
/// <param name="Beta1">Decay of the first moment of adam, adamw and lamb, in [0, 1); default 0.9.</param>
/// <param name="Beta2">Decay of the second moment of adam, adamw and lamb, in [0, 1); default 0.999.</param>
/// <param name="Epsilon">Added to the root; default 1e-8, for adagrad 1e-10, for lamb 1e-6.</param>
/// <param name="WeightDecay">
/// λ, at least 0. Coupled, g ← g + λ·p, default none; but decoupled in adamw (p ← p − η·λ·p) and inside the update whose length lamb fixes, default
/// 0.01 in both.
/// </param>
/// <param name="L1">λ₁, at least 0: g ← g + λ₁·sign(p), with sign(0) = 0; default none.</param>
/// <param name="ClipNorm">
/// c, above 0: before any decay the mean gradient over all parameters is scaled by min(1, c / (‖g‖ + 1e-6)), as by PyTorch's
/// <c>clip_grad_norm_</c>; default none.
/// </param>
/// <param name="Schedule">How the learning rate follows the steps; null: it is constant.</param>
public sealed record OptimizerSpec(
    string Name,
    double LearningRate,
    double? Momentum = null,
    double? Alpha = null,
    double? Beta1 = null,
    double? Beta2 = null,
    double? Epsilon = null,
    double? WeightDecay = null,
    double? L1 = null,
    double? ClipNorm = null,
    ScheduleSpec? Schedule = null)
{
    // Hyperparameters under the names that users give them: in JSON, and with two dashes on the command line.
    private static readonly Dictionary<string, (double LearningRate, string[] Has)> Known = new(StringComparer.Ordinal)
    {
        ["sgd"] = (0.1, []),
        ["momentum"] = (0.1, ["momentum"]),
        ["nesterov"] = (0.1, ["momentum"]),
        ["adagrad"] = (0.01, ["epsilon"]),
        ["rmsprop"] = (0.01, ["alpha", "epsilon"]),
        ["adam"] = (0.001, ["beta1", "beta2", "epsilon"]),
        ["adamw"] = (0.001, ["beta1", "beta2", "epsilon"]),
        ["lamb"] = (0.001, ["beta1", "beta2", "epsilon"]),
    };

    // Of every optimizer.
    private static readonly string[] Common = ["weightDecay", "l1", "clipNorm"];

    /// <summary>The known optimizers, in the order to show them.</summary>
    public static IReadOnlyCollection<string> Names => Known.Keys;

    /// <summary>The learning rate to take when none is given.</summary>
    /// <exception cref="InvalidInputException">The optimizer is unknown.</exception>
    public static double DefaultLearningRate(string name) => Find(name).LearningRate;

    /// <summary>Whether weight decay is part of the update, and not of the gradient.</summary>
    internal bool HasDecayOfItsOwn => Name is "adamw" or "lamb";

    /// <summary>The learning rate of update <paramref name="step"/>, from 0, in a run of <paramref name="totalSteps"/>.</summary>
    public double LearningRateAt(long step, long totalSteps) => Schedule?.RateAt(LearningRate, step, totalSteps) ?? LearningRate;

    /// <summary>Checks names and ranges.</summary>
    /// <exception cref="InvalidInputException">Something is unknown, missing or out of range.</exception>
    public void Validate()
    {
        var has = Find(Name).Has;
        if (!((float)LearningRate > 0) || !float.IsFinite((float)LearningRate))
        {
            throw new InvalidInputException($"The learning rate is {LearningRate:R}; it must be above 0 and at most {float.MaxValue:R}.");
        }

        Check("momentum", Momentum, below1: true);
        Check("alpha", Alpha, below1: true);
        Check("beta1", Beta1, below1: true);
        Check("beta2", Beta2, below1: true);
        Check("epsilon", Epsilon, below1: false);
        Check("weightDecay", WeightDecay, below1: false);
        Check("l1", L1, below1: false);
        Check("clipNorm", ClipNorm, below1: false);
        if (ClipNorm is { } clipNorm && (float)clipNorm == 0)
        {
            throw new InvalidInputException($"clipNorm of {Name} is {clipNorm:R}; it must be above 0: 0 would stop all learning.");
        }

        Schedule?.Validate(LearningRate);

        void Check(string hyperparameter, double? value, bool below1)
        {
            if (value is null)
            {
                return;
            }

            if (!has.Contains(hyperparameter) && !Common.Contains(hyperparameter))
            {
                throw new InvalidInputException(
                    $"The optimizer {Name} has no hyperparameter {hyperparameter}; it has: {string.Join(", ", [.. has, .. Common])}.");
            }

            // As the update sees it: 1 − 1e-9 is 1 there.
            if (!(value >= 0) || !float.IsFinite((float)value) || (below1 && (float)value >= 1))
            {
                throw new InvalidInputException($"{hyperparameter} of {Name} is {value:R}; it must be at least 0{(below1 ? " and below 1" : "")}.");
            }
        }
    }

    private static (double LearningRate, string[] Has) Find(string name) => Known.TryGetValue(name ?? "", out var found)
        ? found
        : throw new InvalidInputException($"Unknown optimizer '{name}'. Known optimizers: {string.Join(", ", Names)}.");
}
