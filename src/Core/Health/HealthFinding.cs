namespace DistTrain.Core.Health;

/// <summary>The mistakes that keep a network from learning, as far as they can be seen from outside.</summary>
public enum HealthProblem
{
    /// <summary>Parameters, outputs or losses are NaN or infinite.</summary>
    NotFinite,

    /// <summary>Parameters are, bit by bit, those of step 0.</summary>
    NeverMoved,

    /// <summary>Units of a layer have equal parameters: they compute the same, and always will.</summary>
    EqualUnits,

    /// <summary>A ReLU gives 0 whatever comes.</summary>
    DeadUnits,

    /// <summary>A sigmoid or tanh is at its limits whatever comes.</summary>
    SaturatedUnits,

    /// <summary>Nearly every image is taken for the same class.</summary>
    ConstantPrediction,

    /// <summary>The loss is as high as at step 0.</summary>
    LossNeverFell,

    /// <summary>The run ended without a result.</summary>
    RunFailed,
}

/// <summary>One mistake.</summary>
/// <param name="Problem">Which.</param>
/// <param name="Where">The tensor, the layer, or what else it was seen at.</param>
/// <param name="What">What was seen, with its counts.</param>
public sealed record HealthFinding(HealthProblem Problem, string Where, string What)
{
    /// <summary>The usual cause.</summary>
    public string Cause => Advice.Cause;

    /// <summary>What to do.</summary>
    public string Cure => Advice.Cure;

    private (string Cause, string Cure) Advice => Problem switch
    {
        HealthProblem.NotFinite => (
            "a learning rate so large that values overflow",
            "a smaller --lr, --clip-norm, or --warmup-steps"),
        HealthProblem.NeverMoved => (
            "no gradient comes back to it (zero initial weights, or units behind it that are dead), or a learning rate so small that the sum rounds to what it was",
            "the initializer he or xavier, or a larger --lr"),
        HealthProblem.EqualUnits => (
            "equal initial weights: equal units get equal gradients, so they stay equal",
            "a random initializer (he for relu, xavier for sigmoid and tanh)"),
        HealthProblem.DeadUnits => (
            "a step so large, or a bias so negative, that the input of the unit is below 0 for all images; its gradient is then 0 for ever",
            "a smaller --lr, the initializer he, batch normalisation before the relu, or leaky-relu"),
        HealthProblem.SaturatedUnits => (
            "weights so large that the input is far from 0; the gradient is then nearly 0",
            "the initializer xavier, a smaller --lr, batch normalisation before the activation, or relu"),
        HealthProblem.ConstantPrediction => (
            "only the last bias has learnt, because nothing passes through the layers before it, or the training went astray",
            "the other findings first; then a smaller --lr"),
        HealthProblem.LossNeverFell => (
            "a learning rate far too small or far too large, initial weights that pass no gradient on, or labels that do not belong to the images",
            "--lr ten times larger or smaller, and the initializer he or xavier"),
        HealthProblem.RunFailed => (
            "values that became NaN or infinite, or something outside of the training",
            "its reason above and its log; it goes on from its last checkpoint with --resume auto"),
        _ => throw new InvalidOperationException($"There is no advice on {Problem}."),
    };
}
