using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Health;

/// <summary>Which class a network takes each image for, by the path that training evaluates on.</summary>
public static unsafe class ClassPredictions
{
    /// <summary>Predicts on one thread, until there are no more images or it was enough.</summary>
    /// <param name="model">The network.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="images">At least one.</param>
    /// <param name="enough">Ends it early, between two shards of an evaluation. The first shard is always done.</param>
    /// <returns>For the first so many of the images, in their order: the class with the highest score, the first of equal ones.</returns>
    public static IReadOnlyList<byte> Of(ModelSpec model, ParameterSet parameters, LabeledImages images, CancellationToken enough)
    {
        var probe = new ActivationProbe(model, scoresOnly: true);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(probe.Model, seed: 0, VectorKernels.Best, threads: 1, pools);
        computation.UseParameters(parameters.Pointer);
        var shardCount = RunSpec.EvaluationShardCountOf(images.Count);
        var partials = new List<Partial>();
        for (var shard = 0; shard < shardCount && (shard == 0 || !enough.IsCancellationRequested); shard++)
        {
            computation.Evaluate(images, shardCount, new ShardRange(shard, shard + 1), partials);
            partials.ForEach(pools.Evaluation.Return);
            partials.Clear();
        }

        return probe.Classes;
    }
}
