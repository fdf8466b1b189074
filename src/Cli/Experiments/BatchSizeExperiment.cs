using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>Batches of 100 against 1,000: what a larger one costs and what it is worth.</summary>
public sealed class BatchSizeExperiment : Experiment
{
    /// <summary>How much more loss counts as the same after as many updates.</summary>
    private const double AboutTheSame = 1.1;

    /// <inheritdoc/>
    public override string Name => "batch-size";

    /// <inheritdoc/>
    public override string Description => "The two-layer network with batches of 100 and of 1,000, by SGD at one learning rate: loss by epoch and by update.";

    /// <inheritdoc/>
    public override string WhatToSee => "By update both learn alike, though the larger batch sees ten times the images; so by epoch the larger batch is far behind.";

    /// <summary>From the losses after the same epochs, and after the same updates.</summary>
    public static Judgement Judge((double Small, double Large) byEpoch, (double Small, double Large) byUpdate) => new(
        byEpoch.Large > AboutTheSame * byEpoch.Small && byUpdate.Large < AboutTheSame * byUpdate.Small,
        FormattableString.Invariant($"after all epochs the loss is {byEpoch.Small:0.000} with the small batch and {byEpoch.Large:0.000} with the large one; after as many updates {byUpdate.Small:0.000} and {byUpdate.Large:0.000}"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (small, large, epochs) = context.IsQuick ? (20, 200, 10) : (100, 1000, 10);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var runs = await context.TrainAsync(((int[])[small, large]).Select(batch => new TrainingPlan(
            FormattableString.Invariant($"batches of {batch:N0}"), ModelCatalog.Get("two-layer"), new OptimizerSpec("sgd", 0.1), data, batch, Epochs: epochs)))
            .ConfigureAwait(false);

        var updates = runs[1].StepLosses.Count;
        var byEpoch = runs.Select(run => Curve.Over([.. run.Epochs.Select(epoch => epoch.TrainLoss)], run.Plan.Label)).ToList();
        var byUpdate = runs.Select(run => Curve.Over([.. run.StepLosses.Take(updates)], run.Plan.Label)).ToList();
        var figure = new Figure(
            $"Batch size, {data.Name}",
            2,
            [
                new Panel("By epoch", "epoch", "mean training loss of the epoch") { Curves = byEpoch, LogY = true },
                new Panel("By update", "update", "loss, mean of 21 updates") { Curves = [.. byUpdate.Select(Smoothing.Apply)], LogY = true },
            ]);
        var table = new Table(
            ["batch", "updates", "loss after as many updates", "loss of the last epoch", "test accuracy"],
            [.. runs.Select(run => (string[])
            [
                Table.Short(run.Plan.BatchSize, "0"), Table.Short(run.StepLosses.Count, "0"), Table.Short(run.LossAfter(updates)),
                Table.Short(run.Epochs[^1].TrainLoss), Table.Percent(run.Epochs[^1].TestAccuracy),
            ])]);
        var rows = Table.OfCurves("time", "loss", [.. byEpoch.Select(curve => curve with { Name = curve.Name + " by epoch" }), .. byUpdate.Select(curve => curve with { Name = curve.Name + " by update" })]);
        return new ExperimentResult(table, rows, figure, Judge(
            (runs[0].Epochs[^1].TrainLoss, runs[1].Epochs[^1].TrainLoss), (runs[0].LossAfter(updates), runs[1].LossAfter(updates))));
    }
}
