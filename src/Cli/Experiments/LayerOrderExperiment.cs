using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>Convolution, ReLU, pooling: what happens in another order.</summary>
public sealed class LayerOrderExperiment : Experiment
{
    /// <summary>Pairs of the same layers in two orders: max pooling 0 and 1, ReLU before the convolution 2, average pooling 3 and 4.</summary>
    private static readonly (string Title, Func<int, IReadOnlyList<LayerSpec>> Block)[] Orders =
    [
        ("conv, relu, max", filters => [new ConvolutionSpec(filters, 5), new ReluSpec(), new MaxPoolingSpec(2)]),
        ("conv, max, relu", filters => [new ConvolutionSpec(filters, 5), new MaxPoolingSpec(2), new ReluSpec()]),
        ("relu, conv, max", filters => [new ReluSpec(), new ConvolutionSpec(filters, 5), new MaxPoolingSpec(2)]),
        ("conv, relu, average", filters => [new ConvolutionSpec(filters, 5), new ReluSpec(), new AveragePoolingSpec(2)]),
        ("conv, average, relu", filters => [new ConvolutionSpec(filters, 5), new AveragePoolingSpec(2), new ReluSpec()]),
    ];

    /// <inheritdoc/>
    public override string Name => "layer-order";

    /// <inheritdoc/>
    public override string Description => "Two blocks of convolution, ReLU and pooling and one affine layer, trained with the layers of a block in five orders.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "ReLU before or after max pooling is the same function with the same gradient: the trained parameters are equal bit by bit. Average pooling does not commute, nor does a ReLU before the convolution.";

    /// <summary>From the number of parameters that differ after training: from the first order in orders 1 and 2, and between the two with average pooling.</summary>
    public static Judgement Judge(int maxSwapped, int reluFirst, int averageSwapped, int parameters) => new(
        maxSwapped == 0 && reluFirst > parameters / 2 && averageSwapped > parameters / 2,
        FormattableString.Invariant($"of {parameters:N0} parameters {maxSwapped:N0} differ when max pooling and ReLU change places, {averageSwapped:N0} when average pooling and ReLU do, {reluFirst:N0} when ReLU stands before the convolution"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (filters, steps, batch) = context.IsQuick ? (4, 40, 20) : (16, 600, 100);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var runs = await context.TrainAsync(Orders.Select(order => new TrainingPlan(
            order.Title,
            new ModelSpec("layer-order", [1, 28, 28], [.. order.Block(filters), .. order.Block(2 * filters), new AffineSpec(10)]),
            new OptimizerSpec("sgd", 0.1),
            data,
            batch,
            Steps: steps))).ConfigureAwait(false);

        var losses = runs.Select((run, i) => Curve.Over(run.StepLosses, run.Plan.Label, i % 3 == 1 ? CurveStyle.Dashed : CurveStyle.Line)).ToList();
        var figure = new Figure(
            "The order of convolution, ReLU and pooling",
            1,
            [new Panel($"SGD, {data.Name}", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)], LogY = true }],
            PanelWidth: 760,
            PanelHeight: 460);
        var table = new Table(
            ["order", "parameters", "differ from the first", "differ from the one above", "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
            [
                run.Plan.Label, Table.Short(run.Parameters.Count, "0"), Table.Short(Different(run, runs[0]), "0"),
                i == 0 ? "" : Table.Short(Different(run, runs[i - 1]), "0"), Table.Short(run.FinalLoss), Table.Percent(run.Epochs[^1].TestAccuracy),
            ])]);
        return new ExperimentResult(table, Table.OfCurves("update", "loss", losses), figure, Judge(
            Different(runs[1], runs[0]), Different(runs[2], runs[0]), Different(runs[4], runs[3]), runs[0].Parameters.Count));
    }

    private static int Different(TrainedRun a, TrainedRun b) => SameBits.Different(a.Parameters, b.Parameters);
}
