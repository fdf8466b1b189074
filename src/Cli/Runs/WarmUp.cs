using DistTrain.Cli.Options;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport;

namespace DistTrain.Cli.Runs;

/// <summary>
/// One step of a tiny run on blank samples, on another thread while the data is read, so that what every run needs is compiled by the time the data
/// is there: docs/decisions/0008-start-up.md. Nothing of it remains.
/// </summary>
internal static class WarmUp
{
    private const int Side = 28;
    private const int Classes = 10;
    private const int Samples = 8;

    /// <summary>Begins it; with a single processor it would only be in the way, and is left out.</summary>
    /// <param name="request">The run to come.</param>
    /// <param name="cores">Processors.</param>
    public static Task Begin(RunRequest request, int cores)
    {
        if (cores == 1)
        {
            return Task.CompletedTask;
        }

        // Not the run's own network, which may be large, or want other things than blank samples; but one with the same kinds of kernels.
        var model = request.Model.Input.Count == 1 ? ModelCatalog.MultiLayer("blank", [1]) : ModelCatalog.Get("lenet-5");
        var images = new LabeledImages(new byte[Samples * Side * Side], new byte[Samples], Side, Side, channels: 1, Classes);
        var dataset = new Dataset("blank", images, images);
        var optimizer = new OptimizerSpec(request.Optimizer.Name, OptimizerSpec.DefaultLearningRate(request.Optimizer.Name));
        var spec = new RunSpec(model, DatasetSpec.Of(dataset), optimizer, BatchSize: Samples, ShardCount: Samples, Seed: 0, Steps: 1);
        return Task.WhenAll(
            Task.Run(() => Trainer.Run(spec, dataset).Dispose()),
            Task.Run(() => RunDirectory.TextOf(spec with { Model = request.Model, Optimizer = request.Optimizer }, dataDirectory: null)));
    }

    /// <summary>The same for a run with workers: they are the ones who compute, and this process has to know the answer that it asks each of them for.</summary>
    /// <param name="cores">Processors.</param>
    public static Task BeginForWorkers(int cores) => cores == 1 ? Task.CompletedTask : Task.Run(() => KnownAnswer.Compute(VectorKernels.Best));
}
