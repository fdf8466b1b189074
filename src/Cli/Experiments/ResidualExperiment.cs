using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>Twenty layers with shortcuts and without: He et al. 2016, on digits made smaller by pooling.</summary>
public sealed class ResidualExperiment : Experiment
{
    private const int ProbeSamples = 100;

    /// <inheritdoc/>
    public override string Name => "residual";

    /// <inheritdoc/>
    public override string Description => "plain-20 against resnet-20 on digits pooled to 14 × 14: the gradient of each layer at the start, and loss by update.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "Without shortcuts the gradients of the first and the last layers differ by more than with them, and after as many updates its loss is higher.";

    /// <summary>From the largest convolution's gradient over the smallest one's, and the final losses, plain first.</summary>
    public static Judgement Judge(IReadOnlyList<double> ranges, IReadOnlyList<double> losses) => new(
        ranges[0] > ranges[1] && losses[0] > losses[1],
        FormattableString.Invariant($"the largest gradient of a convolution is {ranges[0]:0.0} times the smallest in plain-20, {ranges[1]:0.0} times in resnet-20; the losses end at {losses[0]:0.000} and {losses[1]:0.000}"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch) = context.IsQuick ? (40, 20) : (300, 64);
        var data = context.IsQuick ? context.Subset(500, 50) : context.Data;
        var plans = ((ModelSpec[])[ResidualModels.Plain20("plain-20", [1, 14, 14]), ResidualModels.ResNet20("resnet-20", [1, 14, 14])])
            .Select(model => new TrainingPlan(
                model.Name,
                model with { Input = [1, 28, 28], Layers = [new AveragePoolingSpec(2), .. model.Layers] },
                new OptimizerSpec("momentum", context.IsQuick ? 0.01 : 0.05),
                data,
                batch,
                Steps: steps)
            { Shards = 1 })
            .ToList();
        var norms = plans.Select(plan => MainPath(plan, context.Seed)).ToList();
        var runs = await context.TrainAsync(plans).ConfigureAwait(false);

        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var figure = new Figure(
            "Twenty layers, with shortcuts and without",
            2,
            [
                new Panel("At the start", "convolution, from the input", "length of the weight's gradient") { Curves = norms, LogY = true },
                new Panel($"Momentum, {data.Name} pooled to 14 × 14", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)], LogY = true },
            ]);
        var ranges = norms.Select(norm => norm.Y.Max() / norm.Y.Min()).ToList();
        var table = new Table(
            ["model", "|g| first", "|g| middle", "|g| last", "largest / smallest", "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
            [
                run.Plan.Label, Table.Short(norms[i].Y[0]), Table.Short(norms[i].Y[norms[i].Y.Count / 2]), Table.Short(norms[i].Y[^1]), Table.Short(ranges[i], "0.0"),
                Table.Short(run.FinalLoss), Table.Percent(run.Epochs[^1].TestAccuracy),
            ])]);
        var rows = Table.OfCurves("place", "value", [.. norms.Select(norm => norm with { Name = norm.Name + " gradient by layer" }), .. losses.Select(loss => loss with { Name = loss.Name + " loss by update" })]);
        return new ExperimentResult(table, rows, figure, Judge(ranges, [.. runs.Select(run => run.FinalLoss)]));
    }

    /// <summary>The 19 convolutions that both models have; projections are not among them, nor is the last, affine layer.</summary>
    private static Curve MainPath(TrainingPlan plan, ulong seed)
    {
        var norms = GradientProbe.WeightNorms(plan.Model, plan.Data.Train, ProbeSamples, seed);
        return Curve.Over(
            [.. norms.SkipLast(1).Where(weight => !weight.Name.Contains("shortcut", StringComparison.Ordinal)).Select(weight => weight.Norm)], plan.Label, CurveStyle.Path);
    }
}
