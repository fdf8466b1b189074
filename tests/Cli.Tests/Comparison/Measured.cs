using DistTrain.Cli.Comparison;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Tests.Comparison;

/// <summary>Comparisons that nobody had to measure.</summary>
internal static class Measured
{
    public static Contender OneThread { get; } = ContenderRules.OneThread;

    public static Contender TwoThreads { get; } = new(0, 2);

    public static Contender TwoWorkers { get; } = new(2, 1);

    public static Sitting Sitting(int batchSize, params (Contender Contender, double[] Rates)[] rates) => new(
        batchSize, [.. rates.Select(entry => new Measurement(entry.Contender, batchSize, [.. entry.Rates.Select(rate => Run(entry.Contender, batchSize, rate))]))]);

    /// <summary>Rates without spread of contenders whose steps take fixed + per sample, in microseconds.</summary>
    public static Sitting OnLines(int batchSize, params (Contender Contender, double Fixed, double PerSample)[] lines) => Sitting(
        batchSize,
        [.. lines.Select(line => (line.Contender, (double[])[.. Enumerable.Repeat(1e6 * batchSize / (line.Fixed + (line.PerSample * batchSize)), 3)]))]);

    public static ComparedRun Run(Contender contender, int batchSize, double? rate, StepTimes? times = null, string hash = "aa") => new(
        new Completed(
            "run", "m", "d", "o", 1, 1, 0, 0, 0.5, rate, 1, contender.Workers, contender.Threads, 8, 1, null, 1, hash.PadRight(64, '0')), times, batchSize);
}
