using DistTrain.Cli.Plots;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 6.1: four update rules on x²/20 + y², and on the digits.</summary>
public sealed class OptimizersExperiment : Experiment
{
    private const int SurfaceSteps = 30;
    private const float StartX = -7;
    private const float StartY = 2;
    private static readonly double[] ContourLevels = [0.2, 1, 3, 7];

    /// <summary>The rules with the book's learning rates, on the surface and on the digits.</summary>
    private static readonly (string Title, OptimizerSpec OnSurface, OptimizerSpec OnDigits)[] Rules =
    [
        ("SGD", new("sgd", 0.95), new("sgd", 0.01)),
        ("Momentum", new("momentum", 0.1), new("momentum", 0.01)),
        ("AdaGrad", new("adagrad", 1.5), new("adagrad", 0.01)),
        ("Adam", new("adam", 0.3), new("adam", 0.001)),
    ];

    /// <inheritdoc/>
    public override string Name => "optimizers";

    /// <inheritdoc/>
    public override string Description => "SGD, Momentum, AdaGrad and Adam on the surface x²/20 + y² from (-7, 2), and on the digits.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "On the surface SGD crosses the valley with every update and the others cross it seldom; on the digits the three others reach a lower loss than SGD in the same updates.";

    /// <summary>From the number of times that each path changes its side of the valley, and from the final loss of each training, SGD first.</summary>
    public static Judgement Judge(IReadOnlyList<int> crossings, IReadOnlyList<double> losses)
    {
        var (others, worst) = (crossings.Skip(1).Max(), losses.Skip(1).Max());
        return new Judgement(
            others < crossings[0] && worst < losses[0],
            FormattableString.Invariant($"SGD crosses {crossings[0]} times in {SurfaceSteps} updates, the others at most {others} times; its loss ends at {losses[0]:0.000}, the others' at {worst:0.000} or less"));
    }

    /// <summary>The path of an update rule over x²/20 + y², whose gradient is (x/10, 2y); the first point is the start.</summary>
    public static unsafe IReadOnlyList<(double X, double Y)> Walk(OptimizerSpec spec, int steps)
    {
        var layout = new ParameterLayout([("point", new Shape(2))]);
        using var point = new ParameterSet(layout);
        using var gradient = new ParameterSet(layout);
        using var optimizer = Optimizer.Create(spec, VectorKernels.Best, layout);
        var at = point.Values;
        var slope = gradient.Values;
        (at[0], at[1]) = (StartX, StartY);
        var path = new List<(double, double)> { (at[0], at[1]) };
        for (var step = 0; step < steps; step++)
        {
            (slope[0], slope[1]) = (at[0] / 10, 2 * at[1]);
            optimizer.Step(point.Pointer, gradient.Pointer, sampleCount: 1, spec.LearningRate);
            path.Add((at[0], at[1]));
        }

        return path;
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var (steps, batch) = context.IsQuick ? (60, 50) : (2000, 128);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var model = ModelCatalog.MultiLayer("multi-layer", [100, 100, 100, 100]);
        var paths = Rules.Select(rule => Walk(rule.OnSurface, SurfaceSteps)).ToList();
        var runs = await context.TrainAsync(
            Rules.Select(rule => new TrainingPlan(rule.Title, model, rule.OnDigits, data, batch, Steps: steps))).ConfigureAwait(false);

        var crossings = paths.Select(Crossings).ToList();
        var walks = paths.Zip(Rules, (path, rule) => new Curve(rule.Title, [.. path.Select(p => p.X)], [.. path.Select(p => p.Y)], CurveStyle.Path, Color: 0));
        var losses = runs.Select(run => Curve.Over(run.StepLosses, run.Plan.Label)).ToList();
        var smooth = losses.Select(Smoothing.Apply).ToList();
        var figure = new Figure(
            "Four update rules",
            2,
            [
                .. walks.Select(walk => new Panel($"{walk.Name} on x²/20 + y²", "x", "y")
                {
                    Curves = [.. ContourLevels.Select(Contour), walk with { Name = "" }],
                    XRange = (-8, 8),
                    YRange = (-3, 3),
                }),
                new Panel($"Loss on {data.Name}", "update", "loss, mean of 21 updates") { Curves = smooth, LogY = true },
                new Panel("The first tenth of the updates", "update", "loss, mean of 21 updates")
                {
                    Curves = [.. smooth.Select(curve => Curve.Over([.. curve.Y.Take(steps / 10)], curve.Name))],
                },
            ],
            PanelWidth: 360,
            PanelHeight: 280);
        var table = new Table(
            ["rule", "end of path", "crossings", "final loss", "test accuracy"],
            [.. Rules.Select((rule, i) => (string[])
            [
                rule.Title, FormattableString.Invariant($"({paths[i][^1].X:0.000}, {paths[i][^1].Y:0.000})"), Table.Short(crossings[i], "0"),
                Table.Short(runs[i].FinalLoss), Table.Percent(runs[i].Epochs[^1].TestAccuracy),
            ])]);
        var rows = Table.OfCurves("x", "y", [.. walks.Select(walk => walk with { Name = walk.Name + " path" }), .. losses]);
        return new ExperimentResult(table, rows, figure, Judge(crossings, [.. runs.Select(run => run.FinalLoss)]));
    }

    private static int Crossings(IReadOnlyList<(double X, double Y)> path) => path.Zip(path.Skip(1), (a, b) => a.Y * b.Y < 0).Count(crosses => crosses);

    /// <summary>The ellipse on which x²/20 + y² has this value.</summary>
    private static Curve Contour(double level)
    {
        var angles = Enumerable.Range(0, 73).Select(i => i * Math.PI / 36).ToList();
        return new Curve("", [.. angles.Select(a => Math.Sqrt(20 * level) * Math.Cos(a))], [.. angles.Select(a => Math.Sqrt(level) * Math.Sin(a))], CurveStyle.Faint);
    }
}
