using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>Which test digits a trained network takes for others.</summary>
public sealed class MisclassifiedExperiment : Experiment
{
    private const int Shown = 50;
    private const int Columns = 10;

    /// <summary>Of the 45 pairs of digits, those that are counted as the usual ones.</summary>
    private const int FrequentPairs = 10;

    private const double Half = 0.5;

    /// <inheritdoc/>
    public override string Name => "misclassified";

    /// <inheritdoc/>
    public override string Description => "The test digits that the trained two-layer network gets wrong: label and prediction.";

    /// <inheritdoc/>
    public override string WhatToSee => "Errors are between digits that look alike: ten of the 45 pairs of digits make up more than half of them.";

    /// <summary>From the label and the prediction of each error.</summary>
    public static Judgement Judge(IReadOnlyList<(int Label, int Prediction)> errors)
    {
        var pairs = errors.GroupBy(error => (Math.Min(error.Label, error.Prediction), Math.Max(error.Label, error.Prediction)))
            .OrderByDescending(pair => pair.Count()).ThenBy(pair => pair.Key).ToList();
        var frequent = pairs.Take(FrequentPairs).Sum(pair => pair.Count());
        var first = string.Join(", ", pairs.Take(3).Select(pair => FormattableString.Invariant($"{pair.Key.Item1} and {pair.Key.Item2} ({pair.Count()})")));
        return new Judgement(
            frequent > Half * errors.Count,
            FormattableString.Invariant($"ten pairs make up {frequent} of {errors.Count} errors; the first are {first}"));
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        var data = context.IsQuick ? context.Subset(500, 300) : context.Data;
        var plan = new TrainingPlan(
            "two-layer", ModelCatalog.Get("two-layer"), new OptimizerSpec("momentum", context.IsQuick ? 0.05 : 0.1), data, context.IsQuick ? 50 : 100,
            Epochs: 5);
        var run = await context.TrainAsync(plan).ConfigureAwait(false);
        using var parameters = run.ToParameterSet();
        using var network = new LayerByLayer(plan.Model, parameters);
        var predictions = network.Predict(data.Test);
        var wrong = Enumerable.Range(0, data.Test.Count).Where(i => predictions[i] != data.Test.Labels[i]).ToList();
        var tiles = wrong.Take(Shown).Select(i => new ImageTile(
            FormattableString.Invariant($"{data.Test.Labels[i]} → {predictions[i]}"), data.Test.Height, data.Test.Width,
            [.. data.Test.Image(i)[..(data.Test.Height * data.Test.Width)].ToArray().Select(pixel => pixel / 255.0)])).ToList();
        var figure = new Figure(
            FormattableString.Invariant($"{wrong.Count} of {data.Test.Count:N0} test digits are misclassified"),
            1,
            [new Panel(FormattableString.Invariant($"the first {tiles.Count}: label → prediction")) { Images = tiles, ImageColumns = Columns }],
            PanelWidth: 640,
            PanelHeight: 440);
        var table = new Table(
            ["label", .. Enumerable.Range(0, data.Test.ClassCount).Select(digit => FormattableString.Invariant($"taken for {digit}"))],
            [.. Enumerable.Range(0, data.Test.ClassCount).Select(label => (string[])
            [
                Table.Short(label, "0"),
                .. Enumerable.Range(0, data.Test.ClassCount).Select(digit =>
                    digit == label ? "-" : Table.Short(wrong.Count(i => data.Test.Labels[i] == label && predictions[i] == digit), "0")),
            ])]);
        var rows = new Table(
            ["test image", "label", "prediction"],
            [.. wrong.Select(i => (string[])[Table.Short(i, "0"), Table.Short(data.Test.Labels[i], "0"), Table.Short(predictions[i], "0")])]);
        return new ExperimentResult(table, rows, figure, Judge([.. wrong.Select(i => ((int)data.Test.Labels[i], (int)predictions[i]))]));
    }
}
