using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>Loss and accuracy of a finished model, by the path that training evaluates on: <see cref="ShardComputation.Evaluate"/>.</summary>
public static unsafe class Evaluator
{
    /// <summary>Evaluates on a set of images.</summary>
    /// <param name="model">The network.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="images">At least one; as many elements per sample as the model takes.</param>
    /// <param name="shardCount">Shards of the evaluation: <see cref="RunSpec.EvaluationShardCount"/> gives a run's own numbers.</param>
    /// <param name="threads">Threads to compute with; no bit depends on it. Default 1.</param>
    /// <param name="kernels">What to compute with; default <see cref="VectorKernels.Best"/>.</param>
    public static Evaluation Run(
        ModelSpec model,
        ParameterSet parameters,
        LabeledImages images,
        int shardCount,
        int threads = 1,
        Kernels<float>? kernels = null)
    {
        kernels ??= VectorKernels.Best;
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(model, seed: 0, kernels, threads, pools);
        var partials = new List<Partial>();
        computation.UseParameters(parameters.Pointer);
        computation.Evaluate(images, shardCount, new ShardRange(0, shardCount), partials);

        var tree = new PartialTree(kernels, pools.Evaluation);
        tree.Reset(shardCount);
        foreach (var partial in partials)
        {
            tree.Add(partial);
        }

        var root = tree.TakeRoot()!;
        var evaluation = new Evaluation(root.LossSum / root.SampleCount, (double)root.CorrectCount / root.SampleCount);
        pools.Evaluation.Return(root);
        return evaluation;
    }
}
