using System.Globalization;
using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 8.3.4: how many bits inference needs.</summary>
public sealed class HalfPrecisionExperiment : Experiment
{
    private const int FloatFractionBits = 23;
    private const int HalfFractionBits = 10;

    /// <summary>How much of the test set may be classified otherwise: a tenth of a per cent, at least one image.</summary>
    private const double Allowed = 0.001;

    private static readonly int[] FractionBits = [1, 2, 3, 4, 5, 6, 7, 8];

    /// <inheritdoc/>
    public override string Name => "half-precision";

    /// <inheritdoc/>
    public override string Description => "Inference of the trained two-layer network with parameters and activations rounded to 16 bits, and to fewer.";

    /// <inheritdoc/>
    public override string WhatToSee => "Half the bytes give the same accuracy: rounding to 16 bits changes at most one image in a thousand.";

    /// <summary>From the accuracies in binary32 and binary16 over so many test images.</summary>
    public static Judgement Judge(double single, double half, int images) => new(
        Math.Abs(half - single) <= Math.Max(Allowed, 1.0 / images) + 1e-12,
        FormattableString.Invariant($"the accuracy is {single:P2} in binary32 and {half:P2} in binary16, over {images:N0} images"));

    /// <summary>The nearest number with so many bits of fraction and binary32's exponents; ties to the even one.</summary>
    public static float Round(float value, int fractionBits)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var dropped = FloatFractionBits - fractionBits;
        var even = (bits >> dropped) & 1;
        return BitConverter.UInt32BitsToSingle((bits + (1u << (dropped - 1)) - 1 + even) >> dropped << dropped);
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var data = context.IsQuick ? context.Subset(500, 300) : context.Data;
        var plan = new TrainingPlan(
            "two-layer", ModelCatalog.Get("two-layer"), new OptimizerSpec("momentum", context.IsQuick ? 0.05 : 0.1), data, context.IsQuick ? 50 : 100,
            Epochs: 5);
        var run = await context.TrainAsync(plan).ConfigureAwait(false);
        var count = run.Parameters.Count;
        double Accuracy(Func<float, float> round) => Measure(run, round);
        var single = Accuracy(value => value);
        var half = Accuracy(value => (float)(Half)value);
        var fewer = FractionBits.Select(bits => Accuracy(value => Round(value, bits))).ToList();

        var figure = new Figure(
            $"How many bits inference needs, {data.Name}",
            1,
            [
                new Panel("Two-layer network, parameters and activations rounded", "bits of the fraction", "test accuracy")
                {
                    Curves =
                    [
                        new Curve("binary32's exponents, fewer bits of fraction", [.. FractionBits.Select(bits => (double)bits)], fewer, CurveStyle.Path),
                        new Curve("binary16 (half)", [HalfFractionBits], [half], CurveStyle.Points),
                        new Curve("binary32 (float)", [FloatFractionBits], [single], CurveStyle.Points),
                    ],
                    Legend = LegendPlace.LowerRight,
                },
            ],
            PanelWidth: 720,
            PanelHeight: 440);
        var rows = new Table(
            ["numbers", "bits of fraction", "bytes of the parameters", "test accuracy"],
            [
                Row("binary32", FloatFractionBits, sizeof(float) * count, single), Row("binary16", HalfFractionBits, sizeof(ushort) * count, half),
                .. FractionBits.Reverse().Select(bits => Row("fewer bits", bits, (count * (bits + 9)) / 8, fewer[bits - 1])),
            ]);
        return new ExperimentResult(rows, rows, figure, Judge(single, half, data.Test.Count));
    }

    private static string[] Row(string numbers, int bits, int bytes, double accuracy) =>
        [numbers, bits.ToString(CultureInfo.InvariantCulture), bytes.ToString(CultureInfo.InvariantCulture), Table.Exact(accuracy)];

    /// <summary>Accuracy with each parameter and what each layer passes on rounded; the sums inside of a layer stay in binary32.</summary>
    private static double Measure(TrainedRun run, Func<float, float> round)
    {
        using var parameters = run.ToParameterSet();
        Apply(parameters.Values, round);
        using var network = new LayerByLayer(run.Plan.Model, parameters);
        var test = run.Plan.Data.Test;
        var predictions = network.Predict(test, (_, output) => Apply(output, round));
        return LayerByLayer.Accuracy(predictions, test.Labels);
    }

    private static void Apply(Matrix<float> values, Func<float, float> round)
    {
        for (var row = 0; row < values.Rows; row++)
        {
            Apply(values.Row(row), round);
        }
    }

    private static void Apply(Span<float> values, Func<float, float> round)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = round(values[i]);
        }
    }
}
