using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 6.4: seven layers learn 300 images by heart, and what helps against it.</summary>
public abstract class OverfittingExperiment : Experiment
{
    /// <summary>The mean of so many last epochs is the result: with 300 images a single one jumps.</summary>
    private const int LastEpochs = 10;

    /// <summary>Training and test accuracy at the end of a run.</summary>
    /// <param name="Train">Fraction.</param>
    /// <param name="Test">Fraction.</param>
    public readonly record struct Ending(double Train, double Test)
    {
        /// <summary>What is known by heart only.</summary>
        public double Gap => Train - Test;

        internal static Ending Of(TrainedRun run) => new(
            run.Epochs.TakeLast(LastEpochs).Average(epoch => epoch.TrainAccuracy), run.Epochs.TakeLast(LastEpochs).Average(epoch => epoch.TestAccuracy));
    }

    /// <summary>Less of a gap with the remedy than without.</summary>
    private protected static Judgement JudgeRemedy(string remedy, Ending without, Ending with) => new(
        with.Gap < without.Gap,
        FormattableString.Invariant($"the gap is {without.Gap * 100:0.0} points without ({without.Train:P1} and {without.Test:P1}) and {with.Gap * 100:0.0} with {remedy} ({with.Train:P1} and {with.Test:P1})"));

    /// <summary>A run on 300 images; quick: on 100 with larger steps.</summary>
    /// <param name="context">For data and size.</param>
    /// <param name="label">What it is called.</param>
    /// <param name="weightDecay">λ; null for none.</param>
    /// <param name="dropout">After each hidden layer; null for none.</param>
    private protected static TrainingPlan Plan(ExperimentContext context, string label, double? weightDecay = null, float? dropout = null)
    {
        var (train, test, epochs, rate) = context.IsQuick ? (100, 200, 80, 0.1) : (300, 10_000, 300, 0.01);
        return new TrainingPlan(
            label,
            ModelCatalog.MultiLayer("multi-layer", [100, 100, 100, 100, 100, 100], dropout: dropout),
            new OptimizerSpec("sgd", rate, WeightDecay: weightDecay),
            context.Subset(train, test),
            Epochs: epochs)
        { MeasuresTrainAccuracy = true };
    }

    /// <summary>A panel for each run with training and test accuracy by epoch, a row for each in the table.</summary>
    private protected static ExperimentResult Show(string title, IReadOnlyList<TrainedRun> runs, Judgement judgement)
    {
        var panels = runs.Select(run => (run.Plan.Label, Curves: (Curve[])
        [
            Curve.Over([.. run.Epochs.Select(epoch => epoch.TrainAccuracy)], "training images"),
            Curve.Over([.. run.Epochs.Select(epoch => epoch.TestAccuracy)], "test images", CurveStyle.Dashed),
        ])).ToList();
        return new ExperimentResult(
            new Table(["run", "training accuracy", "test accuracy", "gap in points"], [.. runs.Select(run =>
            {
                var end = Ending.Of(run);
                return (string[])[run.Plan.Label, Table.Percent(end.Train), Table.Percent(end.Test), Table.Short(end.Gap * 100, "0.00")];
            })]),
            Table.OfCurves("epoch", "accuracy", panels.SelectMany(panel => panel.Curves.Select(curve => curve with { Name = $"{panel.Label}, {curve.Name}" }))),
            new Figure(title, panels.Count, [.. panels.Select(panel => new Panel(panel.Label, "epoch", "accuracy")
            {
                Curves = panel.Curves,
                YRange = (0, 1.02),
            })]),
            judgement);
    }
}

/// <summary>Section 6.4.1: few images, a large network.</summary>
public sealed class OverfitExperiment : OverfittingExperiment
{
    /// <inheritdoc/>
    public override string Name => "overfit";

    /// <inheritdoc/>
    public override string Description => "Seven layers learn 300 images: accuracy on these and on the test images, by epoch.";

    /// <inheritdoc/>
    public override string WhatToSee => "The network knows all 300 training images, and a much smaller share of the test images.";

    /// <summary>All of one and at least a tenth less of the other.</summary>
    public static Judgement Judge(Ending end) => new(
        end is { Train: > 0.99, Gap: > 0.1 },
        FormattableString.Invariant($"it ends with {end.Train:P1} of the training and {end.Test:P1} of the test images"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var run = await context.TrainAsync(Plan(context, "seven layers")).ConfigureAwait(false);
        return Show("Few images, a large network", [run], Judge(Ending.Of(run)));
    }
}

/// <summary>Section 6.4.2: λ = 0.1.</summary>
public sealed class WeightDecayExperiment : OverfittingExperiment
{
    private const double Decay = 0.1;

    /// <inheritdoc/>
    public override string Name => "weight-decay";

    /// <inheritdoc/>
    public override string Description => "The overfitting network with weight decay 0.1 and without.";

    /// <inheritdoc/>
    public override string WhatToSee => "With weight decay the gap between training and test accuracy is smaller.";

    /// <summary>From the end of either run.</summary>
    public static Judgement Judge(Ending without, Ending with) => JudgeRemedy("weight decay", without, with);

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var runs = await context.TrainAsync([Plan(context, "without"), Plan(context, "weight decay 0.1", weightDecay: Decay)]).ConfigureAwait(false);
        return Show("Weight decay against overfitting", runs, Judge(Ending.Of(runs[0]), Ending.Of(runs[1])));
    }
}

/// <summary>Section 6.4.3: p = 0.2.</summary>
public sealed class DropoutExperiment : OverfittingExperiment
{
    private const float Probability = 0.2f;

    /// <inheritdoc/>
    public override string Name => "dropout";

    /// <inheritdoc/>
    public override string Description => "The overfitting network with dropout 0.2 after each hidden layer and without.";

    /// <inheritdoc/>
    public override string WhatToSee => "With dropout the gap between training and test accuracy is smaller.";

    /// <summary>From the end of either run.</summary>
    public static Judgement Judge(Ending without, Ending with) => JudgeRemedy("dropout", without, with);

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var runs = await context.TrainAsync([Plan(context, "without"), Plan(context, "dropout 0.2", dropout: Probability)]).ConfigureAwait(false);
        return Show("Dropout against overfitting", runs, Judge(Ending.Of(runs[0]), Ending.Of(runs[1])));
    }
}
