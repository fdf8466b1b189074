using DistTrain.Core.Kernels;

namespace DistTrain.Core.Layers;

/// <summary>What a forward pass is for. Layers that behave differently in training (batch normalisation, dropout) read it.</summary>
public readonly struct ForwardPass
{
    private ForwardPass(FoldPlan plan, ulong seed, long step) => (Plan, Seed, Step) = (plan, seed, step);

    /// <summary>An evaluation: running statistics, no dropout; rows do not see each other.</summary>
    public static ForwardPass Evaluation => default;

    /// <summary>Whether a backward pass follows.</summary>
    public bool IsTraining => Plan is not null;

    /// <summary>How the rows belong to shards: row r is position <c>Plan.FirstPosition + r</c> of the batch. Null in an evaluation.</summary>
    public FoldPlan? Plan { get; }

    /// <summary>The run's seed.</summary>
    public ulong Seed { get; }

    /// <summary>The step, from 0.</summary>
    public long Step { get; }

    /// <summary>The forward pass of a training step.</summary>
    /// <param name="plan">How the rows belong to shards.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The step, from 0.</param>
    public static ForwardPass Training(FoldPlan plan, ulong seed, long step) => new(plan, seed, step);
}
