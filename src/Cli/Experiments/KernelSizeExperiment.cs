using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>One convolution with a 5 × 5 kernel against two with 3 × 3: the same window onto the image.</summary>
public sealed class KernelSizeExperiment : Experiment
{
    /// <inheritdoc/>
    public override string Name => "kernel-size";

    /// <inheritdoc/>
    public override string Description => "A small network whose second block is one 5 × 5 convolution, or two of 3 × 3, with as many filters: parameters, multiply-adds, accuracy.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "Two 3 × 3 convolutions see the same 5 × 5 pixels with 28 % fewer weights and multiply-adds, and the network is at least as good, less half a point.";

    /// <summary>From the parameters and multiply-adds of the block and the test accuracies, 5 × 5 first.</summary>
    public static Judgement Judge((long Large, long Small) parameters, (long Large, long Small) multiplyAdds, (double Large, double Small) accuracy) => new(
        parameters.Small < parameters.Large && multiplyAdds.Small < multiplyAdds.Large && accuracy.Small >= accuracy.Large - 0.005,
        FormattableString.Invariant($"the two have {parameters.Small:N0} parameters for {parameters.Large:N0}, {multiplyAdds.Small:N0} multiply-adds for {multiplyAdds.Large:N0}, and a test accuracy of {accuracy.Small:P2} for {accuracy.Large:P2}"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (filters, epochs, batch) = context.IsQuick ? (6, 3, 20) : (16, 3, 100);
        var data = context.IsQuick ? context.Subset(1000, 300) : context.Data;
        (string Title, LayerSpec[] Block)[] blocks =
        [
            ("one 5 × 5", [new ConvolutionSpec(filters, 5, Padding: 2), new ReluSpec()]),
            ("two 3 × 3", [.. Enumerable.Repeat<LayerSpec[]>([new ConvolutionSpec(filters, 3, Padding: 1), new ReluSpec()], 2).SelectMany(layers => layers)]),
        ];
        LayerSpec[] stem = [new ConvolutionSpec(filters, 3, Padding: 1), new ReluSpec(), new MaxPoolingSpec(2)];
        var runs = await context.TrainAsync(blocks.Select(block => new TrainingPlan(
            block.Title,
            new ModelSpec("kernel-size", [1, 28, 28], [.. stem, .. block.Block, new MaxPoolingSpec(2), new AffineSpec(10)]),
            new OptimizerSpec("adam", context.IsQuick ? 0.003 : 0.001),
            data,
            batch,
            Epochs: epochs))).ConfigureAwait(false);

        var costs = runs.Zip(blocks, (run, block) => CostOf(run.Plan.Model, stem.Length, block.Block.Length)).ToList();
        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var figure = new Figure(
            "One 5 × 5 convolution against two of 3 × 3",
            2,
            [
                new Panel($"Adam, {data.Name}", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)], LogY = true },
                new Panel("After each epoch", "epoch", "test accuracy") { Curves = [.. runs.Select(run => Curve.Over([.. run.Epochs.Select(epoch => epoch.TestAccuracy)], run.Plan.Label, CurveStyle.Path))], Legend = LegendPlace.LowerRight },
            ]);
        var table = new Table(
            ["block", "parameters", "multiply-adds", "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
            [
                run.Plan.Label, Table.Short(costs[i].Parameters, "0"), Table.Short(costs[i].MultiplyAdds, "0"), Table.Short(run.FinalLoss),
                Table.Percent(run.Epochs[^1].TestAccuracy),
            ])]);
        return new ExperimentResult(table, Table.OfCurves("update", "loss", losses), figure, Judge(
            (costs[0].Parameters, costs[1].Parameters), (costs[0].MultiplyAdds, costs[1].MultiplyAdds),
            (runs[0].Epochs[^1].TestAccuracy, runs[1].Epochs[^1].TestAccuracy)));
    }

    /// <summary>Of some layers of a model, for one sample.</summary>
    private static (long Parameters, long MultiplyAdds) CostOf(ModelSpec model, int first, int count)
    {
        var shapes = model.Shapes();
        var layers = Enumerable.Range(first, count).ToList();
        return (
            layers.Sum(i => model.Layers[i].Parameters(shapes[i]).Sum(parameter => (long)parameter.Shape.Size)),
            layers.Sum(i => model.Layers[i].MultiplyAdds(shapes[i])));
    }
}
