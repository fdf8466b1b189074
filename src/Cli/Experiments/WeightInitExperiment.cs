using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 6.2.4: how fast a five-layer ReLU network learns from three initial scales.</summary>
public sealed class WeightInitExperiment : Experiment
{
    /// <summary>By how much of ln 10, the loss of a guess, the loss must have fallen to count as learning.</summary>
    private const double StillGuessing = 0.9;

    private static readonly double Guess = Math.Log(10);

    private static readonly (string Title, InitializerKind Kind)[] Scales =
        [("std = 0.01", InitializerKind.Gaussian), ("Xavier", InitializerKind.Xavier), ("He", InitializerKind.He)];

    /// <inheritdoc/>
    public override string Name => "weight-init";

    /// <inheritdoc/>
    public override string Description => "Five layers with ReLU learn from weights of standard deviation 0.01, Xavier's and He's.";

    /// <inheritdoc/>
    public override string WhatToSee => "From a standard deviation of 0.01 the loss stays at ln 10; from Xavier's and He's it falls, from He's first.";

    /// <summary>From the final losses, and from the mean losses over all updates, of 0.01, Xavier and He.</summary>
    public static Judgement Judge(IReadOnlyList<double> finalLosses, IReadOnlyList<double> meanLosses) => new(
        finalLosses[0] > StillGuessing * Guess && finalLosses.Skip(1).All(loss => loss < StillGuessing * Guess) && meanLosses[2] < meanLosses[1],
        FormattableString.Invariant($"0.01 ends at {finalLosses[0]:0.000} (ln 10 is {Guess:0.000}), Xavier at {finalLosses[1]:0.000}, He at {finalLosses[2]:0.000}; over all updates Xavier's mean is {meanLosses[1]:0.000}, He's {meanLosses[2]:0.000}"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch, rate) = context.IsQuick ? (120, 50, 0.05) : (2000, 128, 0.01);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var runs = await context.TrainAsync(Scales.Select(scale => new TrainingPlan(
            scale.Title,
            ModelCatalog.MultiLayer("multi-layer", [100, 100, 100, 100], initializer: scale.Kind),
            new OptimizerSpec("sgd", rate),
            data,
            batch,
            Steps: steps))).ConfigureAwait(false);

        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var means = runs.Select(run => run.StepLosses.Average()).ToList();
        var figure = new Figure(
            "Initial weights of a five-layer network with ReLU",
            1,
            [new Panel($"SGD, {data.Name}, batches of {batch}", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)] }],
            PanelWidth: 720,
            PanelHeight: 440);
        var table = new Table(
            ["initial weights", "mean loss", "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
                [run.Plan.Label, Table.Short(means[i]), Table.Short(run.FinalLoss), Table.Percent(run.Epochs[^1].TestAccuracy)])]);
        return new ExperimentResult(table, Table.OfCurves("update", "loss", losses), figure, Judge([.. runs.Select(run => run.FinalLoss)], means));
    }
}
