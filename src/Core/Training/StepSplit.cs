namespace DistTrain.Core.Training;

/// <summary>
/// Where the time of one training step went, along its critical path: parts that do not overlap and add up to the step. In seconds. docs/scaling.md
/// defines each.
/// </summary>
/// <param name="Compute">Gradients are computed: by this process, or by the worker whose partial came last, up to what the workers compute on average.</param>
/// <param name="Serialise">Messages are made from parameters, and the last partial's checksum is verified. 0 in one process.</param>
/// <param name="Transfer">The rest: parameters, leases and partials are on their way, or wait to be written, read or taken up. 0 in one process.</param>
/// <param name="Wait">What the worker whose partial came last computed beyond the average: the others had nothing to do. 0 in one process.</param>
/// <param name="Reduce">Partials are added, from the last one's arrival on. In one process: all of it, with the check that they are finite.</param>
/// <param name="Update">From the complete sum to new parameters and their hash, and what the run records and reports of the step.</param>
public readonly record struct StepSplit(double Compute, double Serialise, double Transfer, double Wait, double Reduce, double Update)
{
    /// <summary>The whole step.</summary>
    public double Total => Compute + Serialise + Transfer + Wait + Reduce + Update;

    /// <summary>Part by part.</summary>
    public static StepSplit operator +(StepSplit left, StepSplit right) => new(
        left.Compute + right.Compute,
        left.Serialise + right.Serialise,
        left.Transfer + right.Transfer,
        left.Wait + right.Wait,
        left.Reduce + right.Reduce,
        left.Update + right.Update);

    /// <summary>Part by part.</summary>
    public static StepSplit operator *(StepSplit split, double factor) => new(
        split.Compute * factor, split.Serialise * factor, split.Transfer * factor, split.Wait * factor, split.Reduce * factor, split.Update * factor);
}

/// <summary>A point that a step in this process has reached, for those who measure.</summary>
public enum StepMark
{
    /// <summary>Its gradients are about to be computed.</summary>
    Began,

    /// <summary>They are computed.</summary>
    Computed,

    /// <summary>They are added: the sum is complete.</summary>
    Reduced,

    /// <summary>The parameters are updated.</summary>
    Updated,
}
