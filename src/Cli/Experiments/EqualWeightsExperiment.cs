using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 6.2.1: weights that start at zero, or equal, or different.</summary>
public sealed class EqualWeightsExperiment : Experiment
{
    private const int Units = 50;
    private const int Pixels = 784;
    private const int Classes = 10;
    private const float Value = 0.01f;

    private static readonly (string Title, AffineSpec Hidden, AffineSpec Last)[] Starts =
    [
        ("zero", new(Units, InitializerKind.Zero), new(Classes, InitializerKind.Zero)),
        ("equal", new(Units, Weight: Enumerable.Repeat(Value, Units * Pixels).ToArray()), new(Classes, Weight: Enumerable.Repeat(Value, Classes * Units).ToArray())),
        ("random", new(Units), new(Classes)),
    ];

    /// <inheritdoc/>
    public override string Name => "equal-weights";

    /// <inheritdoc/>
    public override string Description => "A hidden layer of 50 ReLUs whose weights start at 0, all at 0.01, and at random.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "From 0 the hidden weights never move; from equal values they move, but all units stay one and the same, bit by bit, and the network learns less than from random values.";

    /// <summary>From the different hidden units and the final losses of zero, equal and random, and whether the hidden weights of zero are still 0.</summary>
    public static Judgement Judge(IReadOnlyList<int> differentUnits, IReadOnlyList<double> losses, bool zerosStay) => new(
        zerosStay && differentUnits[1] == 1 && differentUnits[2] == Units && losses[2] < losses[1] && losses[2] < losses[0],
        FormattableString.Invariant($"the hidden weights that started at 0 {(zerosStay ? "are still 0" : "have moved")}, of {Units} units that started equal {differentUnits[1]} is different, of those at random {differentUnits[2]} are; the losses end at {losses[0]:0.000}, {losses[1]:0.000} and {losses[2]:0.000}"));

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch) = context.IsQuick ? (80, 50) : (1200, 100);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var runs = await context.TrainAsync(Starts.Select(start => new TrainingPlan(
            start.Title, new ModelSpec("equal-weights", [Pixels], [start.Hidden, new ReluSpec(), start.Last]), new OptimizerSpec("sgd", 0.1), data, batch, Steps: steps)))
            .ConfigureAwait(false);

        var units = runs.Select(DifferentUnits).ToList();
        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var figure = new Figure(
            "Initial weights: zero, equal, random",
            1,
            [new Panel($"One hidden layer of {Units} ReLUs, SGD, {data.Name}", "update", "loss, mean of 21 updates") { Curves = [.. losses.Select(Smoothing.Apply)] }],
            PanelWidth: 720,
            PanelHeight: 440);
        var table = new Table(
            ["initial weights", "different units", "final loss", "test accuracy"],
            [.. runs.Select((run, i) => (string[])
                [run.Plan.Label, Table.Short(units[i], "0"), Table.Short(run.FinalLoss), Table.Percent(run.Epochs[^1].TestAccuracy)])]);
        return new ExperimentResult(
            table,
            Table.OfCurves("update", "loss", losses),
            figure,
            Judge(units, [.. runs.Select(run => run.FinalLoss)], runs[0].Parameters.Take(Units * Pixels).All(weight => weight == 0)));
    }

    /// <summary>How many hidden units there are of which no other has the same bits: in its weights, its bias, and what the next layer makes of it.</summary>
    private static int DifferentUnits(TrainedRun run)
    {
        var (parameters, bias, next) = (run.Parameters, Units * Pixels, Units * (Pixels + 1));
        return Enumerable.Range(0, Units)
            .Select(unit => string.Join(' ', parameters.Skip(unit * Pixels).Take(Pixels)
                .Append(parameters[bias + unit])
                .Concat(Enumerable.Range(0, Classes).Select(k => parameters[next + (k * Units) + unit]))
                .Select(BitConverter.SingleToInt32Bits)))
            .Distinct()
            .Count();
    }
}
