using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>The book's section 7.6.1: the first layer's filters of the simple convolutional network before and after training.</summary>
public sealed class FiltersExperiment : Experiment
{
    private const int Filters = 30;
    private const int Size = 5;

    /// <summary>By how much the likeness of neighbours must grow.</summary>
    private const double Clear = 0.1;

    /// <inheritdoc/>
    public override string Name => "filters";

    /// <inheritdoc/>
    public override string Description => "The 30 filters of the simple convolutional network's first layer, before training and after.";

    /// <inheritdoc/>
    public override string WhatToSee => "Before training the filters are noise; after it they have edges and blobs: neighbouring weights are alike.";

    /// <summary>From the mean correlation of neighbouring weights before and after.</summary>
    public static Judgement Judge(double before, double after) => new(
        after > before + Clear,
        FormattableString.Invariant($"the correlation of neighbouring weights is {before:0.00} before and {after:0.00} after"));

    /// <summary>The correlation of a filter's weights with their right and lower neighbours; 1 is smooth, 0 is noise.</summary>
    /// <param name="filter">(size, size) row by row.</param>
    /// <param name="size">Rows and columns.</param>
    public static double NeighbourCorrelation(ReadOnlySpan<float> filter, int size)
    {
        double mean = 0, variance = 0, covariance = 0;
        foreach (var weight in filter)
        {
            mean += weight / filter.Length;
        }

        foreach (var weight in filter)
        {
            variance += (weight - mean) * (weight - mean) / filter.Length;
        }

        var pairs = 2 * size * (size - 1);
        for (var row = 0; row < size; row++)
        {
            for (var column = 0; column < size; column++)
            {
                var here = filter[(row * size) + column] - mean;
                covariance += column + 1 < size ? here * (filter[(row * size) + column + 1] - mean) / pairs : 0;
                covariance += row + 1 < size ? here * (filter[((row + 1) * size) + column] - mean) / pairs : 0;
            }
        }

        return variance == 0 ? 0 : covariance / variance;
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        // The book's initial weights of 0.01: small enough that what is seen afterwards was learnt.
        var layers = ModelCatalog.Get("simple-convnet").Layers;
        var model = ModelCatalog.Get("simple-convnet") with
        {
            Layers = [new ConvolutionSpec(Filters, Size, Initializer: InitializerKind.Gaussian), .. layers.Skip(1)],
        };
        var data = context.IsQuick ? context.Subset(400, 100) : context.Subset(20_000, 2000);
        var run = await context.TrainAsync(new TrainingPlan(
            "simple-convnet", model, new OptimizerSpec("adam", 0.001), data, context.IsQuick ? 20 : 100, Epochs: context.IsQuick ? 3 : 5)).ConfigureAwait(false);

        using var initial = model.InitialParameters(context.Seed);
        var weight = initial.Layout.Slots[0];
        var (before, after) = (initial.View(weight).ToArray(), run.Parameters.Take(weight.Length).ToArray());
        var (likeBefore, likeAfter) = (MeanCorrelation(before), MeanCorrelation(after));
        var figure = new Figure(
            "First-layer filters, each from its smallest weight (black) to its largest (white)",
            2,
            [
                new Panel(FormattableString.Invariant($"before training: neighbours correlate by {likeBefore:0.00}")) { Images = Tiles(before), ImageColumns = 6 },
                new Panel(FormattableString.Invariant($"after training: neighbours correlate by {likeAfter:0.00}")) { Images = Tiles(after), ImageColumns = 6 },
            ]);
        var table = new Table(
            ["filters", "neighbours' correlation", "standard deviation"],
            [["before", Table.Short(likeBefore), Table.Short(Deviation(before))], ["after", Table.Short(likeAfter), Table.Short(Deviation(after))]]);
        var rows = new Table(
            ["filter", "row", "column", "before", "after"],
            [.. before.Select((value, i) => (string[])
                [Table.Short(i / (Size * Size), "0"), Table.Short(i / Size % Size, "0"), Table.Short(i % Size, "0"), Table.Exact(value), Table.Exact(after[i])])]);
        return new ExperimentResult(table, rows, figure, Judge(likeBefore, likeAfter));
    }

    private static double MeanCorrelation(float[] weights) => weights.Chunk(Size * Size).Average(filter => NeighbourCorrelation(filter, Size));

    private static double Deviation(float[] weights)
    {
        var mean = weights.Average(weight => (double)weight);
        return Math.Sqrt(weights.Average(weight => (weight - mean) * (weight - mean)));
    }

    private static List<ImageTile> Tiles(float[] weights) => [.. weights.Chunk(Size * Size).Select(filter =>
    {
        var (low, high) = (filter.Min(), filter.Max());
        return new ImageTile("", Size, Size, [.. filter.Select(weight => high > low ? (double)(weight - low) / (high - low) : 0)]);
    })];
}
