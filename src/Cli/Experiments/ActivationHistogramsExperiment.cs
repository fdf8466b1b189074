using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 6.2.2: how activations spread through five layers of 100 units, by activation and initial scale.</summary>
public sealed class ActivationHistogramsExperiment : Experiment
{
    private const int Units = 100;
    private const int LayerCount = 5;
    private const int Bins = 30;

    /// <summary>The number of a layer that no network here has: its random numbers are nobody else's.</summary>
    private const int InputStream = 1000;

    private static readonly (string Name, LayerSpec Layer, double Low)[] Activations =
        [("sigmoid", new SigmoidSpec(), 0), ("tanh", new TanhSpec(), -1), ("relu", new ReluSpec(), 0)];

    private static readonly (string Name, InitializerKind Kind, float? Deviation)[] Scales =
    [
        ("std 1", InitializerKind.Gaussian, 1), ("std 0.01", InitializerKind.Gaussian, 0.01f), ("Xavier", InitializerKind.Xavier, null),
        ("He", InitializerKind.He, null),
    ];

    /// <inheritdoc/>
    public override string Name => "activation-histograms";

    /// <inheritdoc/>
    public override string Description => "What five untrained layers of 100 units pass on, for sigmoid, tanh and ReLU, from four initial scales.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "With standard deviation 1 sigmoid and tanh end at their bounds, with 0.01 on one value; Xavier's weights keep them spread, and ReLU needs He's to keep its size through the layers.";

    /// <summary>From the spread of each layer, in the order sigmoid, tanh, relu, and for each std 1, 0.01, Xavier, He.</summary>
    public static Judgement Judge(IReadOnlyList<Spread> spreads)
    {
        Spread At(int activation, int scale) => spreads.Single(spread => spread.Activation == Activations[activation].Name && spread.Scale == Scales[scale].Name && spread.Layer == LayerCount);
        var (sigmoid, tanh) = (At(0, 0).AtBounds, At(1, 0).AtBounds);
        var (small, kept) = (Math.Max(At(0, 1).Deviation, At(1, 1).Deviation), Math.Min(At(0, 2).Deviation, At(1, 2).Deviation));
        var (he, xavier) = (Lasting(spreads, "He"), Lasting(spreads, "Xavier"));
        return new Judgement(
            sigmoid > 0.5 && tanh > 0.5 && kept > 3 * small && he is > 0.5 and < 2 && xavier < 0.5 * he,
            FormattableString.Invariant($"in layer 5 with std 1 {sigmoid:P0} of sigmoid's and {tanh:P0} of tanh's values are at the bounds, with 0.01 the standard deviation is {small:0.000} at most, with Xavier {kept:0.000} at least; ReLU's mean in layer 5 is {he:0.00} of that in layer 1 with He, {xavier:0.00} with Xavier"));
    }

    /// <inheritdoc/>
    public override Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var inputs = new float[(context.IsQuick ? 200 : 1000) * Units];
        new AffineSpec(inputs.Length / Units, InitializerKind.Gaussian, 1).Initialize(inputs, "weight", new Shape(Units), context.Seed, InputStream);
        var (spreads, panels, rows) = (new List<Spread>(), new List<Panel>(), new List<IReadOnlyList<string>>());
        foreach (var (activation, layer, low) in Activations)
        {
            foreach (var (scale, kind, deviation) in Scales)
            {
                var outputs = Outputs(layer, kind, deviation, inputs, context.Seed);
                var curves = outputs.Select((values, i) => Share(values, low, $"layer {i + 1}")).ToList();
                spreads.AddRange(outputs.Select((values, i) => Spread.Of(activation, scale, i + 1, values, low)));
                rows.AddRange(curves.SelectMany(curve => curve.X.Zip(curve.Y, (x, y) => (string[])[activation, scale, curve.Name, Table.Exact(x), Table.Exact(y)])));
                panels.Add(new Panel($"{activation}, {scale}", "activation", "share of values")
                {
                    Curves = curves,
                    YRange = (0, 1),
                    Legend = panels.Count == 1 ? LegendPlace.UpperRight : LegendPlace.None,
                });
            }
        }

        var table = new Table(
            ["activation", "initial weights", "layer 1: mean", "deviation", "layer 5: mean", "deviation", "at bounds"],
            [.. spreads.Where(spread => spread.Layer == 1).Zip(spreads.Where(spread => spread.Layer == LayerCount), (first, last) => (string[])
            [
                first.Activation, first.Scale, Table.Short(first.Mean, "G4"), Table.Short(first.Deviation, "G4"), Table.Short(last.Mean, "G4"),
                Table.Short(last.Deviation, "G4"), Table.Percent(last.AtBounds),
            ])]);
        return Task.FromResult(new ExperimentResult(
            table,
            new Table(["activation", "weights", "layer", "value", "share"], rows),
            new Figure("Activations of five layers (relu: all above 1 in the last bin)", Scales.Length, panels, PanelWidth: 300, PanelHeight: 240),
            Judge(spreads)));
    }

    private static double Lasting(IReadOnlyList<Spread> spreads, string scale)
    {
        var relu = spreads.Where(spread => spread.Activation == "relu" && spread.Scale == scale).ToList();
        return relu[^1].Mean / relu[0].Mean;
    }

    private static List<float[]> Outputs(LayerSpec activation, InitializerKind kind, float? deviation, float[] inputs, ulong seed)
    {
        var model = new ModelSpec(
            "five-layers", [Units], [.. Enumerable.Range(0, LayerCount).SelectMany(_ => (LayerSpec[])[new AffineSpec(Units, kind, deviation), activation])]);
        using var parameters = model.InitialParameters(seed);
        using var network = new LayerByLayer(model, parameters);
        var outputs = new List<float[]>();
        network.Forward(inputs, (layer, output) =>
        {
            // Each second layer is the activation.
            if (layer % 2 == 1)
            {
                outputs.Add([.. Enumerable.Range(0, output.Rows).SelectMany(row => output.Row(row).ToArray())]);
            }
        });
        return outputs;
    }

    private static Curve Share(float[] values, double low, string name)
    {
        var counts = Histogram.Of(name, values, low, 1, Bins).Counts;
        var width = (1 - low) / Bins;
        return new Curve(name, [.. counts.Select((_, i) => low + ((i + 0.5) * width))], [.. counts.Select(count => count / values.Length)]);
    }

    /// <summary>How one layer's activations are spread.</summary>
    /// <param name="Activation">sigmoid, tanh or relu.</param>
    /// <param name="Scale">Of the initial weights.</param>
    /// <param name="Layer">From 1.</param>
    /// <param name="Mean">Of all values.</param>
    /// <param name="Deviation">The standard deviation of all values.</param>
    /// <param name="AtBounds">The fraction within a twentieth of the range from its ends.</param>
    public sealed record Spread(string Activation, string Scale, int Layer, double Mean, double Deviation, double AtBounds)
    {
        private const double Bound = 0.05;

        /// <summary>Measures.</summary>
        public static Spread Of(string activation, string scale, int layer, float[] values, double low)
        {
            var mean = values.Average(value => (double)value);
            var margin = Bound * (1 - low);
            return new Spread(
                activation, scale, layer, mean, Math.Sqrt(values.Average(value => (value - mean) * (value - mean))),
                (double)values.Count(value => value < low + margin || value > 1 - margin) / values.Length);
        }
    }
}
