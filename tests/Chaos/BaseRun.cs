using System.Collections.Concurrent;
using System.Globalization;
using DistTrain.Cli.Runs;

namespace DistTrain.Chaos;

/// <summary>The run that faults hit: 784-32-10 in 16 shards a step.</summary>
/// <param name="Steps">Its length.</param>
internal sealed record BaseRun(long Steps)
{
    /// <summary>Of each step.</summary>
    public const int Shards = 16;

    /// <summary>Real digits where they are, else the built-in ones.</summary>
    public static string Dataset { get; } =
        Environment.GetEnvironmentVariable("DISTTRAIN_DATA") is { Length: > 0 } directory && Directory.Exists(Path.Combine(directory, "mnist")) ? "mnist" : "synthetic";

    /// <summary>What every command of the run says.</summary>
    public IReadOnlyList<string> Arguments =>
    [
        "--model", "multi-layer", "--hidden", "32", "--dataset", Dataset, "--shards", Shards.ToString(CultureInfo.InvariantCulture), "--batch-size", "100",
        "--steps", Steps.ToString(CultureInfo.InvariantCulture),
    ];
}

/// <summary>What a run is without faults.</summary>
/// <param name="Hash">Its parametersSha256.</param>
/// <param name="Directory">Its run directory.</param>
internal sealed record CalmRun(string Hash, string Directory);

/// <summary>Runs without faults, each made once in this process.</summary>
/// <param name="directory">Where their directories go.</param>
internal sealed class CalmRuns(string directory)
{
    private const int Workers = 3;
    private const double LongSeconds = 60;
    private const long StepsToMeasure = 4_000;
    private const long SteadySteps = 60_000;
    private const long Granularity = 500;
    private const double EvaluationAllowance = 0.95;

    private readonly ConcurrentDictionary<BaseRun, Lazy<Task<CalmRun>>> _runs = [];
    private double? _stepsPerSecond;

    /// <summary>The run by one process.</summary>
    public Task<CalmRun> Of(BaseRun run) => _runs.GetOrAdd(run, key => new Lazy<Task<CalmRun>>(() => TrainAsync(key))).Value;

    /// <summary>A run of about so many seconds on three workers of this machine.</summary>
    public async Task<BaseRun> LastingAsync(double seconds)
    {
        _stepsPerSecond ??= await MeasureAsync(StepsToMeasure, warmUp: 1);
        return new BaseRun(Math.Max(1, (long)(_stepsPerSecond.Value * EvaluationAllowance * seconds / Granularity)) * Granularity);
    }

    /// <summary>A run that no row sees the end of: it is asked to stop.</summary>
    /// <param name="seconds">What the row takes at most.</param>
    public Task<BaseRun> LongAsync(double seconds = LongSeconds) => LastingAsync(seconds);

    /// <summary>Steps a second of three workers without faults, once everything is warm: what a long run is compared with. Runs made afterwards last by it.</summary>
    public async Task<double> SteadyStepsPerSecondAsync()
    {
        var rate = await MeasureAsync(SteadySteps, warmUp: SteadySteps / 3);
        _stepsPerSecond = rate;
        return rate;
    }

    private async Task<CalmRun> TrainAsync(BaseRun run)
    {
        var log = new EventLog();
        var path = Path.Combine(directory, FormattableString.Invariant($"calm-{run.Steps}"));
        await using var process = ChaosProcess.Start(
            [Programs.DistTrain, "train", "--workers", "0", "--threads", "1", .. run.Arguments, "--json", "--out", path], "calm run", Programs.NoEnvironment, log.Take);
        var code = await process.ExitAsync(TimeSpan.FromMinutes(15));
        return code == 0 && log.All()[^1].Event is Completed completed
            ? new CalmRun(completed.ParametersSha256, path)
            : throw new RowFailedException($"the calm run ended with {code}\n{process.Errors}");
    }

    private async Task<double> MeasureAsync(long steps, long warmUp)
    {
        var path = Path.Combine(directory, FormattableString.Invariant($"calm-speed-{steps}"));
        await using var cluster = new Cluster(new BaseRun(steps), path);
        await cluster.StartAsync(Workers);
        var first = await cluster.ReachAsync(warmUp);
        var last = await cluster.CompletedAsync();
        return (steps - ((Progress)first.Event).Step) / (last.At - first.At).TotalSeconds;
    }
}
