using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>Why batch normalisation works, and whether the initial scale still matters with it: the gradient at the start, and loss.</summary>
public sealed class BatchNormScaleExperiment : Experiment
{
    private const int ProbeSamples = 200;
    private const int HiddenLayers = 5;
    private const int Units = 100;

    /// <summary>Three quarters of ln 10, the loss of a guess.</summary>
    private static readonly double Learnt = 0.75 * Math.Log(10);

    private static readonly double[] Scales = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];

    /// <inheritdoc/>
    public override string Name => "batch-norm-scale";

    /// <inheritdoc/>
    public override string Description => "Six layers from seven initial scales, with batch normalisation and without: gradient of the middle layer at the start, and loss.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "Without it the gradient goes to the extremes with the initial scale; with it, it is about the same from all scales, and more of them learn; but the same step moves large weights relatively less, so the scale still matters.";

    /// <summary>From the gradients and the final losses, with it and without, each by descending scale.</summary>
    public static Judgement Judge(IReadOnlyList<double> gradientsWith, IReadOnlyList<double> gradientsWithout, IReadOnlyList<double> lossesWith, IReadOnlyList<double> lossesWithout)
    {
        var (with, without) = (Range(gradientsWith), Range(gradientsWithout));
        var (learnWith, learnWithout) = (lossesWith.Count(loss => loss < Learnt), lossesWithout.Count(loss => loss < Learnt));
        return new Judgement(
            with < 10 && without > 1e6 && learnWith > learnWithout && lossesWith[0] > 1.5 * lossesWith.Min(),
            FormattableString.Invariant($"over the scales the gradient varies by a factor of {with:0.0} with it, {without:0e+0} without; the loss falls below {Learnt:0.00} from {learnWith} of {lossesWith.Count} scales with it, {learnWithout} without; with it the largest scale ends at {lossesWith[0]:0.000}, the best at {lossesWith.Min():0.000}"));

        // A gradient of 0 in float is a factor without bound.
        static double Range(IReadOnlyList<double> gradients) => gradients.Max() / gradients.Min();
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch, rate) = context.IsQuick ? (100, 50, 0.05) : (1000, 100, 0.03);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var with = Scales.Select(scale => Plan(scale, true)).ToList();
        var without = Scales.Select(scale => Plan(scale, false)).ToList();
        var (normalized, plain) = (await context.TrainAsync(with).ConfigureAwait(false), await context.TrainAsync(without).ConfigureAwait(false));
        var (gradientsWith, gradientsWithout) = (with.Select(Middle).ToList(), without.Select(Middle).ToList());

        List<Curve> gradients = [new("with", Scales, gradientsWith, CurveStyle.Path), new("without", Scales, gradientsWithout, CurveStyle.Path)];
        List<Curve> losses = [new("with", Scales, Finals(normalized), CurveStyle.Path), new("without", Scales, Finals(plain), CurveStyle.Path)];
        var figure = new Figure(
            "Batch normalisation and the initial scale",
            2,
            [
                new Panel("At the start", "initial standard deviation", "length of layer 3's gradient") { Curves = gradients, LogX = true, LogY = true, Legend = LegendPlace.LowerRight },
                new Panel($"SGD, {data.Name}, {steps} updates", "initial standard deviation", "final loss") { Curves = losses, LogX = true, YRange = (0, 3), Legend = LegendPlace.LowerLeft },
            ]);
        var table = new Table(
            ["initial std", "|g| with", "|g| without", "loss with", "loss without"],
            [.. Scales.Select((scale, i) => (string[])
            [
                Table.Short(scale, "0.000"), Table.Short(gradientsWith[i], "0.0e-0"), Table.Short(gradientsWithout[i], "0.0e-0"), Final(normalized[i]),
                Final(plain[i]),
            ])]);
        var rows = Table.OfCurves("scale", "value", [.. gradients.Select(curve => curve with { Name = "gradient " + curve.Name }), .. losses.Select(curve => curve with { Name = "loss " + curve.Name })]);
        return new ExperimentResult(table, rows, figure, Judge(gradientsWith, gradientsWithout, Finals(normalized), Finals(plain)));

        TrainingPlan Plan(double scale, bool normalizes) => new(
            FormattableString.Invariant($"std {scale} {(normalizes ? "with" : "without")}"),
            ModelCatalog.MultiLayer(
                "multi-layer", [.. Enumerable.Repeat(Units, HiddenLayers)], initializer: InitializerKind.Gaussian, batchNormalization: normalizes, standardDeviation: (float)scale),
            new OptimizerSpec("sgd", rate),
            data,
            batch,
            Steps: steps);

        double Middle(TrainingPlan plan) => GradientProbe.WeightNorms(plan.Model, data.Train, ProbeSamples, context.Seed)[HiddenLayers / 2].Norm;
    }

    private static List<double> Finals(IReadOnlyList<TrainedRun> runs) => [.. runs.Select(run => run.FinalLoss)];

    private static string Final(TrainedRun run) => run.Failure is null ? Table.Short(run.FinalLoss) : "not finite";
}
