using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>Sigmoid against ReLU in a deep network: how much of the gradient reaches the first layer, and what that does to learning.</summary>
public sealed class DepthExperiment : Experiment
{
    private const int HiddenLayers = 8;
    private const int ProbeSamples = 200;

    /// <summary>By how much of ln 10, the loss of a guess, the loss must have fallen to count as learning.</summary>
    private const double StillGuessing = 0.9;

    private static readonly double Guess = Math.Log(10);

    private static readonly (string Title, LayerSpec Activation, InitializerKind Kind)[] Networks =
        [("sigmoid", new SigmoidSpec(), InitializerKind.Xavier), ("ReLU", new ReluSpec(), InitializerKind.He)];

    /// <inheritdoc/>
    public override string Name => "depth";

    /// <inheritdoc/>
    public override string Description => "Eight hidden layers of 100 with sigmoid (Xavier's weights) and with ReLU (He's): gradient of each layer at the start, and loss.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "With sigmoid the gradient shrinks from layer to layer on its way back and the network goes on guessing; with ReLU it keeps its size and the network learns.";

    /// <summary>From the gradient's length in the first layer over that in the last hidden one, and the final losses, sigmoid first.</summary>
    public static Judgement Judge(IReadOnlyList<double> firstOverLast, IReadOnlyList<double> losses) => new(
        firstOverLast[0] < 0.01 && firstOverLast[1] > 0.1 && losses[0] > StillGuessing * Guess && losses[1] < StillGuessing * Guess,
        FormattableString.Invariant($"the first layer's gradient is {firstOverLast[0]:0.0e-0} of the last hidden layer's with sigmoid, {firstOverLast[1]:0.00} with ReLU; the losses end at {losses[0]:0.000} (ln 10 is {Guess:0.000}) and {losses[1]:0.000}"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch, rate) = context.IsQuick ? (120, 50, 0.05) : (2000, 100, 0.05);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var plans = Networks.Select(network => new TrainingPlan(
            network.Title,
            ModelCatalog.MultiLayer("deep", [.. Enumerable.Repeat(100, HiddenLayers)], network.Activation, network.Kind),
            new OptimizerSpec("sgd", rate),
            data,
            batch,
            Steps: steps)).ToList();
        var norms = plans.Select(plan => Curve.Over(
            [.. GradientProbe.WeightNorms(plan.Model, data.Train, ProbeSamples, context.Seed).Select(weight => weight.Norm)], plan.Label, CurveStyle.Path)).ToList();
        var runs = await context.TrainAsync(plans).ConfigureAwait(false);

        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var figure = new Figure(
            "Sigmoid against ReLU, eight hidden layers",
            2,
            [
                new Panel("At the start", "layer", "length of the weight's gradient") { Curves = norms, LogY = true, Legend = LegendPlace.LowerRight },
                new Panel($"SGD, {data.Name}", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)], Legend = LegendPlace.LowerLeft },
            ]);
        var ratios = norms.Select(norm => norm.Y[0] / norm.Y[HiddenLayers - 1]).ToList();
        var table = new Table(
            ["activation", .. Enumerable.Range(1, HiddenLayers + 1).Select(layer => $"|g| {layer}"), "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
                [run.Plan.Label, .. norms[i].Y.Select(norm => Table.Short(norm, "0.0e-0")), Table.Short(run.FinalLoss), Table.Percent(run.Epochs[^1].TestAccuracy)])]);
        var rows = Table.OfCurves("place", "value", [.. norms.Select(norm => norm with { Name = norm.Name + " gradient by layer" }), .. losses.Select(loss => loss with { Name = loss.Name + " loss by update" })]);
        return new ExperimentResult(table, rows, figure, Judge(ratios, [.. runs.Select(run => run.FinalLoss)]));
    }
}
