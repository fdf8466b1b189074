using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 6.3.2: 16 initial scales, with batch normalisation and without.</summary>
public sealed class BatchNormExperiment : Experiment
{
    private const int ScaleCount = 16;
    private const double SmallestExponent = -4;

    /// <summary>The training accuracy that counts as having learnt; a guess has 0.1.</summary>
    private const double Learnt = 0.5;

    /// <inheritdoc/>
    public override string Name => "batch-norm";

    /// <inheritdoc/>
    public override string Description => "Six layers learn 1,000 images from 16 initial scales, 1 to 0.0001, with batch normalisation and without.";

    /// <inheritdoc/>
    public override string WhatToSee => "With batch normalisation the network learns from more of the 16 initial scales than without.";

    /// <summary>From the final training accuracies, one for each scale.</summary>
    public static Judgement Judge(IReadOnlyList<double> with, IReadOnlyList<double> without)
    {
        var (normalized, plain) = (with.Count(accuracy => accuracy > Learnt), without.Count(accuracy => accuracy > Learnt));
        return new Judgement(
            normalized > plain,
            FormattableString.Invariant($"it passes a training accuracy of {Learnt:P0} from {normalized} of {with.Count} scales with it, from {plain} without"));
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (train, epochs, rate) = context.IsQuick ? (400, 8, 0.05) : (1000, 20, 0.01);
        var data = context.Subset(train, test: 200);
        var scales = Enumerable.Range(0, ScaleCount).Select(i => Math.Pow(10, SmallestExponent * i / (ScaleCount - 1))).ToList();
        var runs = new List<(TrainedRun With, TrainedRun Without)>();
        foreach (var scale in scales)
        {
            runs.Add((
                await context.TrainAsync(Plan(scale, true)).ConfigureAwait(false),
                await context.TrainAsync(Plan(scale, false)).ConfigureAwait(false)));
        }

        var panels = scales.Zip(runs, (scale, pair) => new Panel(FormattableString.Invariant($"initial std {scale:0.####}"), "epoch", "training accuracy")
        {
            Curves = [Curve.Over(Accuracies(pair.With), "with"), Curve.Over(Accuracies(pair.Without), "without", CurveStyle.Dashed)],
            XRange = (0, epochs),
            YRange = (0, 1),
            Legend = scale == scales[^1] ? LegendPlace.UpperLeft : LegendPlace.None,
        });
        var table = new Table(
            ["initial std", "with", "without"],
            [.. scales.Zip(runs, (scale, pair) => (string[])[Table.Short(scale, "0.00000"), Final(pair.With), Final(pair.Without)])]);
        var rows = runs.SelectMany(pair => (TrainedRun[])[pair.With, pair.Without])
            .Select(run => Curve.Over(Accuracies(run), run.Plan.Label));
        return new ExperimentResult(
            table,
            Table.OfCurves("epoch", "training accuracy", rows),
            new Figure("Batch normalisation: with and without, from 16 initial scales", 4, [.. panels], PanelWidth: 300, PanelHeight: 240),
            Judge([.. runs.Select(pair => Last(pair.With))], [.. runs.Select(pair => Last(pair.Without))]));

        TrainingPlan Plan(double scale, bool normalizes) => new(
            FormattableString.Invariant($"std {scale:0.00000} {(normalizes ? "with" : "without")}"),
            ModelCatalog.MultiLayer(
                "multi-layer", [100, 100, 100, 100, 100], initializer: InitializerKind.Gaussian, batchNormalization: normalizes, standardDeviation: (float)scale),
            new OptimizerSpec("sgd", rate),
            data,
            Epochs: epochs)
        { MeasuresTrainAccuracy = true };
    }

    private static List<double> Accuracies(TrainedRun run) => [.. run.Epochs.Select(epoch => epoch.TrainAccuracy)];

    /// <summary>Of a training that failed, 0.</summary>
    private static double Last(TrainedRun run) => run.Failure is null ? run.Epochs[^1].TrainAccuracy : 0;

    private static string Final(TrainedRun run) => run.Failure is null ? Table.Percent(Last(run)) : "not finite";
}
