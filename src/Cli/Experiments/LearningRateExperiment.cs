using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>The same training with learning rates from far too small to far too large.</summary>
public sealed class LearningRateExperiment : Experiment
{
    private static readonly double[] Rates = [0.0001, 0.001, 0.01, 0.1, 1, 10, 100];

    /// <inheritdoc/>
    public override string Name => "learning-rate";

    /// <inheritdoc/>
    public override string Description => "The two-layer network by SGD with learning rates from 0.0001 to 100.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "Too small a rate leaves the loss about where it began; too large a one ends it at a guess or worse; in between there is a range of rates that learn, not a point.";

    /// <summary>From the final losses, by ascending rate; infinite where the training failed.</summary>
    public static Judgement Judge(IReadOnlyList<double> losses)
    {
        var (best, guess) = (losses.Min(), Math.Log(10));
        var learning = losses.Count(loss => loss < guess / 2);
        return new Judgement(
            losses[0] > 0.9 * guess && losses[^1] > 0.9 * guess && learning >= 2,
            FormattableString.Invariant($"the loss ends at {losses[0]:0.000} with the smallest rate, at {losses[^1]:0.000} with the largest, at {best:0.000} with the best; {learning} of {losses.Count} rates bring it below half of ln 10"));
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch) = context.IsQuick ? (150, 50) : (1200, 100);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var runs = await context.TrainAsync(Rates.Select(rate => new TrainingPlan(
            FormattableString.Invariant($"rate {rate}"), ModelCatalog.Get("two-layer"), new OptimizerSpec("sgd", rate), data, batch, Steps: steps)))
            .ConfigureAwait(false);

        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var figure = new Figure(
            "Learning rates",
            1,
            [new Panel($"Two layers, SGD, {data.Name}", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)], LogY = true, YRange = (0.05, 1e4) }],
            PanelWidth: 820,
            PanelHeight: 500);
        var table = new Table(
            ["training", "first loss", "largest loss", "final loss", "test accuracy"],
            [.. runs.Select(run => (string[])
            [
                run.Plan.Label, Table.Short(run.StepLosses[0]), Table.Short(run.StepLosses.Max(), "G4"), Table.Short(run.FinalLoss),
                run.Failure is null ? Table.Percent(run.Epochs[^1].TestAccuracy) : "not finite",
            ])]);
        return new ExperimentResult(table, Table.OfCurves("update", "loss", losses), figure, Judge([.. runs.Select(run => run.FinalLoss)]));
    }
}
