using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>A convolution whose kernel is as large as its image, and the affine layer with as many units.</summary>
public sealed class ConvolutionIsAffineExperiment : Experiment
{
    private const int Units = 20;

    private static readonly LayerSpec[] Stem = [new ConvolutionSpec(6, 5), new ReluSpec(), new MaxPoolingSpec(4)];

    /// <summary>Pairs: first the convolution, then the affine layer in its place. The stem leaves images of (6, 6, 6).</summary>
    private static readonly (string Title, IReadOnlyList<LayerSpec> Before, LayerSpec Layer)[] Places =
    [
        ("28 × 28 convolution on (1, 28, 28)", [], new ConvolutionSpec(Units, 28)),
        ("affine layer on (1, 28, 28)", [], new AffineSpec(Units)),
        ("6 × 6 convolution on (6, 6, 6)", Stem, new ConvolutionSpec(Units, 6)),
        ("affine layer on (6, 6, 6)", Stem, new AffineSpec(Units)),
    ];

    /// <inheritdoc/>
    public override string Name => "convolution-is-affine";

    /// <inheritdoc/>
    public override string Description => "A convolution with a kernel as large as its image against an affine layer: on the digits and behind another convolution, trained.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "They are one layer: outputs before training and parameters after it are equal bit by bit, because k runs over (channel, ky, kx) in the one and over the flat image, the same sequence, in the other.";

    /// <summary>From the outputs and the parameters that differ, each over both pairs.</summary>
    public static Judgement Judge(int differentOutputs, int outputs, int differentParameters, int parameters) => new(
        differentOutputs == 0 && differentParameters == 0 && outputs > 0,
        FormattableString.Invariant($"{differentOutputs} of {outputs:N0} outputs differ before training, {differentParameters} of {parameters:N0} parameters after it"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch) = context.IsQuick ? (60, 50) : (600, 100);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var plans = Places.Select(place => new TrainingPlan(
            place.Title,
            new ModelSpec("whole-image", [1, 28, 28], [.. place.Before, place.Layer, new ReluSpec(), new AffineSpec(10)]),
            new OptimizerSpec("sgd", 0.1),
            data,
            batch,
            Steps: steps)).ToList();
        var outputs = plans.Zip(Places, (plan, place) => Outputs(plan, layer: place.Before.Count, context)).ToList();
        var runs = await context.TrainAsync(plans).ConfigureAwait(false);

        int[] pairs = [0, 2];
        var differentOutputs = pairs.Select(first => SameBits.Different(outputs[first], outputs[first + 1])).ToList();
        var differentParameters = pairs.Select(first => SameBits.Different(runs[first].Parameters, runs[first + 1].Parameters)).ToList();
        var losses = runs.Select((run, i) => Curve.Over(run.StepLosses, run.Plan.Label, i % 2 == 1 ? CurveStyle.Dashed : CurveStyle.Line)).ToList();
        var figure = new Figure(
            "A convolution as large as its image",
            1,
            [new Panel($"SGD, {data.Name}: in each pair one curve covers the other", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)] }],
            PanelWidth: 720,
            PanelHeight: 440);
        var table = new Table(
            ["layer", "parameters of the model", "outputs that differ", "parameters that differ", "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
            [
                run.Plan.Label, Table.Short(run.Parameters.Count, "0"), $"{differentOutputs[i / 2]} of {outputs[i].Count}", Table.Short(differentParameters[i / 2], "0"),
                Table.Short(run.FinalLoss), Table.Percent(run.Epochs[^1].TestAccuracy),
            ])]);
        return new ExperimentResult(table, Table.OfCurves("update", "loss", losses), figure, Judge(
            differentOutputs.Sum(), pairs.Sum(first => outputs[first].Count), differentParameters.Sum(), pairs.Sum(first => runs[first].Parameters.Count)));
    }

    /// <summary>What the layer makes of the first images of the test set, from the initial parameters.</summary>
    private static List<float> Outputs(TrainingPlan plan, int layer, ExperimentContext context)
    {
        using var parameters = plan.Model.InitialParameters(context.Seed);
        using var network = new LayerByLayer(plan.Model, parameters);
        var outputs = new List<float>();
        network.Predict(ExperimentContext.First(plan.Data.Test, count: 100), (at, output) =>
        {
            for (var row = 0; at == layer && row < output.Rows; row++)
            {
                outputs.AddRange(output.Row(row).ToArray());
            }
        });
        return outputs;
    }
}
