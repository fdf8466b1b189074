using DistTrain.Cli.Plots;
using DistTrain.Core.Kernels;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Experiments;

/// <summary>Does AdaGrad recover from a phase of large gradients? One parameter, fed with gradients; no data is looked at.</summary>
public sealed class AdaGradRecoveryExperiment : Experiment
{
    private const int LargeUpdates = 10;
    private const double Large = 100;
    private const int Updates = 10_000;

    private static readonly (string Title, OptimizerSpec Spec)[] Rules =
    [
        ("SGD", new("sgd", 0.01)),
        ("AdaGrad", new("adagrad", 0.01)),
        ("RMSProp", new("rmsprop", 0.01)),
        ("Adam", new("adam", 0.01)),
    ];

    /// <inheritdoc/>
    public override string Name => "adagrad-recovery";

    /// <inheritdoc/>
    public override string Description => "How far each update moves after 10 gradients of 100, all later ones being 1; against a parameter that saw gradients of 1 only.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "RMSProp and Adam forget the large gradients and come back to the steps of one that never saw them; AdaGrad forgets nothing, and 10,000 updates later it still takes smaller ones.";

    /// <summary>From the last step over the one without large gradients, for SGD, AdaGrad, RMSProp and Adam.</summary>
    public static Judgement Judge(IReadOnlyList<double> shares) => new(
        shares[1] < 0.5 && new[] { shares[0], shares[2], shares[3] }.All(share => share is > 0.95 and < 1.05),
        FormattableString.Invariant($"{Updates:N0} updates later the step is, of the undisturbed one, {shares[1]:P0} with AdaGrad, {shares[2]:P0} with RMSProp, {shares[3]:P0} with Adam, {shares[0]:P0} with SGD"));

    /// <summary>How far each update moves a parameter.</summary>
    /// <param name="spec">The rule.</param>
    /// <param name="gradients">What it is fed with.</param>
    public static unsafe IReadOnlyList<double> Steps(OptimizerSpec spec, IEnumerable<double> gradients)
    {
        var layout = new ParameterLayout([("point", new Shape(1))]);
        using var point = new ParameterSet(layout);
        using var gradient = new ParameterSet(layout);
        using var optimizer = Optimizer.Create(spec, VectorKernels.Best, layout);
        var steps = new List<double>();
        foreach (var value in gradients)
        {
            // From 0 each time: what the update adds is then known to the last bit. The rules do not look at the parameter.
            point.Values[0] = 0;
            gradient.Values[0] = (float)value;
            optimizer.Step(point.Pointer, gradient.Pointer, sampleCount: 1, spec.LearningRate);
            steps.Add(Math.Abs(point.Values[0]));
        }

        return steps;
    }

    /// <inheritdoc/>
    public override Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var disturbed = Rules.Select(rule => Steps(rule.Spec, Gradients(Large)).Skip(LargeUpdates).ToList()).ToList();
        var undisturbed = Rules.Select(rule => Steps(rule.Spec, Gradients(1)).Skip(LargeUpdates).ToList()).ToList();
        var shares = disturbed.Zip(undisturbed, (with, without) => with.Zip(without, (a, b) => a / b).ToList()).ToList();
        var curves = Rules.Zip(shares, (rule, share) => Curve.Over(share, rule.Title)).ToList();
        var steps = Rules.Zip(disturbed, (rule, step) => Curve.Over(step, rule.Title)).ToList();
        var figure = new Figure(
            "After 10 gradients of 100: gradients of 1",
            2,
            [
                new Panel("The step", "update after the large gradients", "step") { Curves = steps, LogX = true, LogY = true, YRange = (1e-7, 0.02), Legend = LegendPlace.LowerRight },
                new Panel("Compared with an undisturbed parameter", "update after the large gradients", "step / undisturbed step") { Curves = curves, LogX = true, LogY = true, YRange = (0.001, 1.5), Legend = LegendPlace.LowerRight },
            ]);
        int[] places = [1, 10, 100, 1000, Updates];
        var table = new Table(
            ["rule", .. places.Select(place => FormattableString.Invariant($"share at {place:N0}"))],
            [.. Rules.Zip(shares, (rule, share) => (string[])[rule.Title, .. places.Select(place => Table.Short(share[place - 1], "0.000"))])]);
        var rows = Table.OfCurves("update", "value", [.. steps.Select(curve => curve with { Name = curve.Name + " step" }), .. curves.Select(curve => curve with { Name = curve.Name + " share" })]);
        return Task.FromResult(new ExperimentResult(table, rows, figure, Judge([.. shares.Select(share => share[^1])])));

        static IEnumerable<double> Gradients(double first) => Enumerable.Repeat(first, LargeUpdates).Concat(Enumerable.Repeat(1d, Updates));
    }
}
