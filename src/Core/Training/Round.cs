namespace DistTrain.Core.Training;

/// <summary>What a round computes.</summary>
public enum RoundKind
{
    /// <summary>Gradients of one step.</summary>
    Training,

    /// <summary>Loss and accuracy on the test set.</summary>
    Evaluation,
}

/// <summary>One piece of work that all workers share: a training step or an evaluation. Its shards are leased out.</summary>
/// <param name="Kind">What is computed.</param>
/// <param name="Version">The parameters it is computed with: the number of steps behind them. A training round's step has the same number.</param>
/// <param name="ShardCount">Its shards.</param>
public readonly record struct Round(RoundKind Kind, long Version, int ShardCount);

/// <summary>A lease: one worker computes a range of shards of a round.</summary>
/// <param name="Id">Unique in the run.</param>
/// <param name="Worker">Who.</param>
/// <param name="Round">Of what.</param>
/// <param name="Range">Which shards. The partials asked for are the nodes of <see cref="ReductionTree.Cover"/>.</param>
public readonly record struct Lease(long Id, int Worker, Round Round, ShardRange Range);
