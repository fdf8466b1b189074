using DistTrain.Cli.Plots;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Experiments;

/// <summary>How large a batch pays: updates to a loss at the better of two learning rates, and samples per second.</summary>
public sealed class BatchPaysExperiment : Experiment
{
    private const double Rate = 0.1;

    /// <summary>A linearly scaled rate beyond this diverges in this network.</summary>
    private const double LargestRate = 0.8;

    /// <inheritdoc/>
    public override string Name => "batch-pays";

    /// <inheritdoc/>
    public override string Description =>
        "The two-layer network with ever larger batches, at a fixed learning rate and at one that grows with the batch: updates to a loss, samples per second, seconds.";

    /// <inheritdoc/>
    public override string WhatToSee =>
        "A larger batch saves updates if its rate grows with it, more than at a fixed rate; but in the end it saves fewer than it costs, so that the largest batch needs more samples than the smallest.";

    /// <summary>From the updates to the loss by ascending batch, at the fixed rate and at the scaled one; null where it was not reached.</summary>
    public static Judgement Judge(IReadOnlyList<int> batches, IReadOnlyList<int?> atFixed, IReadOnlyList<int?> scaled)
    {
        var (first, last) = ((double?)scaled[0] * batches[0], (double?)scaled[^1] * batches[^1]);
        var growth = (double)batches[^1] / batches[0];
        return new Judgement(
            scaled[^1] < scaled[0] && !(atFixed[^1] <= scaled[^1]) && first < last,
            FormattableString.Invariant($"with {growth:0} times the batch the loss takes {Said(atFixed[^1])} updates at the fixed rate and {Said(scaled[^1])} at the scaled one, for {Said(scaled[0])} with the smallest; that is {last:0} samples for {first:0}"));
    }

    /// <inheritdoc/>
    public override async Task<ExperimentResult> RunAsync(ExperimentContext context)
    {
        int[] batches = context.IsQuick ? [10, 40, 160] : [25, 50, 100, 200, 400, 800, 1600];
        var (samples, fewest, target, window) = context.IsQuick ? (6000, 150, 1.0, 400) : (300_000, 400, 0.2, 1600);
        var data = context.IsQuick ? context.Subset(1000, 200) : context.Data;
        var (fixedRuns, scaledRuns) = (new List<TrainedRun>(), new List<TrainedRun>());
        foreach (var batch in batches)
        {
            fixedRuns.Add(await context.TrainAsync(Plan(batch, Rate)).ConfigureAwait(false));
            var scaled = Math.Min(LargestRate, Rate * batch / batches[0]);
            scaledRuns.Add(batch == batches[0] ? fixedRuns[0] : await context.TrainAsync(Plan(batch, scaled)).ConfigureAwait(false));
        }

        var (atFixed, atScaled) = (fixedRuns.Select(run => UpdatesTo(run, target, window)).ToList(), scaledRuns.Select(run => UpdatesTo(run, target, window)).ToList());
        var sizes = batches.Select(batch => (double)batch).ToList();
        Curve[] updates = [Of("fixed rate", atFixed), Of("scaled rate", atScaled), new("as many samples as the smallest", sizes, [.. sizes.Select(batch => (atScaled[0] ?? double.NaN) * batches[0] / batch)], CurveStyle.Dashed)];
        var speed = new Curve("", sizes, [.. scaledRuns.Select(SamplesPerSecond)], CurveStyle.Path);
        var figure = new Figure(
            "How large a batch pays",
            2,
            [
                new Panel(FormattableString.Invariant($"Updates to a loss of {target}, {data.Name}"), "batch", "updates") { Curves = updates, LogX = true, LogY = true, Legend = LegendPlace.LowerLeft },
                new Panel("Speed, as measured in this run", "batch", "samples per second") { Curves = [speed], LogX = true, LogY = true, Legend = LegendPlace.None },
            ]);
        var table = new Table(
            ["batch", "updates, fixed rate", "scaled rate", "updates", "samples", "samples/s", "seconds to the loss"],
            [.. batches.Select((batch, i) => (string[])
            [
                Table.Short(batch, "0"), Said(atFixed[i]), Table.Short(scaledRuns[i].Plan.Optimizer.LearningRate, "0.###"), Said(atScaled[i]), Said(atScaled[i] * batch),
                Table.Short(speed.Y[i], "0"), atScaled[i] is { } count ? Table.Short(count * batch / speed.Y[i], "0.00") : "",
            ])]);
        return new ExperimentResult(table, Table.OfCurves("batch", "updates", updates), figure, Judge(batches, atFixed, atScaled));

        TrainingPlan Plan(int batch, double rate) => new(
            FormattableString.Invariant($"batches of {batch}, rate {rate:0.###}"), ModelCatalog.Get("two-layer"), new OptimizerSpec("sgd", rate), data, batch,
            Steps: Math.Max(fewest, samples / batch));

        Curve Of(string name, IEnumerable<int?> counts) => new(name, sizes, [.. counts.Select(count => count ?? double.NaN)], CurveStyle.Path);
    }

    /// <summary>The middle of the first stretch of so many samples whose mean loss is at most the target; null if there is none.</summary>
    private static int? UpdatesTo(TrainedRun run, double target, int samples)
    {
        var count = Math.Max(1, samples / run.Plan.BatchSize);
        for (var end = count; end <= run.StepLosses.Count; end++)
        {
            if (run.StepLosses.Skip(end - count).Take(count).Average() <= target)
            {
                return end - (count / 2);
            }
        }

        return null;
    }

    /// <summary>By the median time of an update: the machine has other things to do now and then.</summary>
    private static double SamplesPerSecond(TrainedRun run) => run.Plan.BatchSize / run.StepTimes.Order().ElementAt(run.StepTimes.Count / 2).TotalSeconds;

    private static string Said(int? count) => count is { } reached ? Table.Short(reached, "0") : "not reached";
}
