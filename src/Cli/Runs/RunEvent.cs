using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>
/// What a run tells: a line of <c>--json</c> and of <c>metrics.jsonl</c>, and what the views for people show. Numbers that are not finite
/// are null.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(Started), "started")]
[JsonDerivedType(typeof(Progress), "progress")]
[JsonDerivedType(typeof(EpochDone), "epoch")]
[JsonDerivedType(typeof(Evaluated), "evaluation")]
[JsonDerivedType(typeof(WorkerChanged), "worker")]
[JsonDerivedType(typeof(CheckpointDone), "checkpoint")]
[JsonDerivedType(typeof(ClusterGlance), "glance")]
[JsonDerivedType(typeof(Specification), "specification")]
[JsonDerivedType(typeof(TestLook), "look")]
[JsonDerivedType(typeof(FilterLook), "filters")]
[JsonDerivedType(typeof(LogLine), "log")]
[JsonDerivedType(typeof(Stopped), "stopped")]
[JsonDerivedType(typeof(Failed), "failed")]
[JsonDerivedType(typeof(StepTimes), "split")]
[JsonDerivedType(typeof(Completed), "completed")]
public abstract record RunEvent
{
    /// <summary>The line, without its end.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RunEventJson.Readable.RunEvent);

    /// <summary>The event that a line says, or null if it is another line.</summary>
    public static RunEvent? FromJson(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, RunEventJson.Readable.RunEvent);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The number, or null if it is not finite.</summary>
    public static double? Finite(double? value) => value is { } number && double.IsFinite(number) ? number : null;
}

/// <summary>The run is about to begin.</summary>
/// <param name="Run">The run directory.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Optimizer">The optimizer's name.</param>
/// <param name="Steps">Of the whole run.</param>
/// <param name="StepsPerEpoch">In one pass over the training set.</param>
/// <param name="BatchSize">Samples per step.</param>
/// <param name="Shards">Per step.</param>
/// <param name="Seed">Of every random number.</param>
/// <param name="Workers">Processes that compute; 0 for this one.</param>
/// <param name="Threads">Of each; null if each worker decides for itself.</param>
/// <param name="Address">Where more workers can join; null without a coordinator.</param>
/// <param name="Version">Of the program.</param>
/// <param name="NumericsRevision">The contract of bits.</param>
/// <param name="HeldOut">Training samples that stand in place of the test set; null if the test set is the dataset's own.</param>
/// <param name="Join">The command by which more workers join, with the word TOKEN where one has to be; null without a coordinator.</param>
/// <param name="Dashboard">Where a browser on this machine sees the run; null if nowhere.</param>
/// <param name="ResumedFrom">The step it goes on from; null if it begins at 0.</param>
public sealed record Started(
    string Run, string Model, string Dataset, string Optimizer, long Steps, int StepsPerEpoch, int BatchSize, int Shards, ulong Seed,
    int Workers, int? Threads, string? Address, string Version, int NumericsRevision, int? HeldOut = null, string? Join = null, string? Dashboard = null,
    long? ResumedFrom = null) : RunEvent;

/// <summary>What the run is. For the page alone.</summary>
/// <param name="Command">The command that repeats it.</param>
/// <param name="Spec">As <c>run.json</c> has it.</param>
public sealed record Specification(string Command, JsonElement Spec) : RunEvent
{
    /// <summary>Of a run in its directory. Any number of workers repeats its bits; the command starts as many.</summary>
    public static Specification Of(RunSpec spec, RunDirectory directory, int workers)
    {
        using var text = JsonDocument.Parse(SpecJson.Write(spec));
        return new Specification(FormattableString.Invariant($"disttrain train --config {Quoted(directory.RunPath)} --workers {workers}"), text.RootElement.Clone());
    }

    private static string Quoted(string path) =>
        path.All(letter => char.IsAsciiLetterOrDigit(letter) || "/._-+:\\".Contains(letter, StringComparison.Ordinal)) ? path
        : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}

/// <summary>A line of the log. For the page alone.</summary>
/// <param name="Line">With its time and level.</param>
public sealed record LogLine(string Line) : RunEvent;

/// <summary>How far it is.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Of the whole run.</param>
/// <param name="Epoch">The current epoch, from 1.</param>
/// <param name="TrainLoss">Mean over the steps since the last such event.</param>
/// <param name="SamplesPerSecond">Since the last such event, inside steps; null before the measurement begins.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
/// <param name="RemainingSeconds">At the speed so far; null if unknown.</param>
public sealed record Progress(
    long Step, long Steps, long Epoch, double? TrainLoss, double? SamplesPerSecond, double ElapsedSeconds, double? RemainingSeconds) : RunEvent;

/// <summary>A pass over the training set is done, and the evaluation after it, if there is one.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Step">Steps done.</param>
/// <param name="TrainLoss">Mean over the epoch.</param>
/// <param name="TestLoss">Mean over the test set; null if it was not evaluated.</param>
/// <param name="TestAccuracy">Fraction, 0 to 1; null if it was not evaluated.</param>
/// <param name="SamplesPerSecond">Of the run so far.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
/// <param name="EvaluationSeconds">What the evaluation took.</param>
public sealed record EpochDone(
    long Epoch, long Step, double? TrainLoss, double? TestLoss, double? TestAccuracy, double? SamplesPerSecond, double ElapsedSeconds,
    double EvaluationSeconds = 0) : RunEvent;

/// <summary>The test set was evaluated within an epoch. (After one, <see cref="EpochDone"/> says it, at the end <see cref="Completed"/>.)</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TestLoss">Mean over the test set.</param>
/// <param name="TestAccuracy">Fraction, 0 to 1.</param>
/// <param name="EvaluationSeconds">What it took.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
public sealed record Evaluated(long Step, double? TestLoss, double? TestAccuracy, double EvaluationSeconds, double ElapsedSeconds) : RunEvent;

/// <summary>Something happened to a worker.</summary>
/// <param name="What">joined, left, lost, refused, reissued (took over somebody's shards), quarantined or evicted (it computed wrongly: for a time, for good), slow (the others wait for it), waiting (the run cannot go on), or exited (a process started here).</param>
/// <param name="Worker">Who; null if it concerns none in particular.</param>
/// <param name="ProcessId">Its process on its host; null if unknown.</param>
/// <param name="Reason">In words; null if there is nothing to say.</param>
/// <param name="Step">Steps done then.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
public sealed record WorkerChanged(string What, string? Worker, int? ProcessId, string? Reason, long Step, double ElapsedSeconds) : RunEvent;

/// <summary>A checkpoint is durable, or could not be written.</summary>
/// <param name="Step">The steps behind it.</param>
/// <param name="Path">Where it lies; null if it could not be written.</param>
/// <param name="Reason">Why it could not be written; null if it is durable.</param>
/// <param name="Seconds">What it took, while the training went on.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
public sealed record CheckpointDone(long Step, string? Path, string? Reason, double Seconds, double ElapsedSeconds) : RunEvent;

/// <summary>The run was asked to stop; it goes on from its checkpoint when it is started again.</summary>
/// <param name="Step">The steps behind the checkpoint.</param>
/// <param name="Run">The run directory.</param>
/// <param name="ExitCode">Of the process.</param>
public sealed record Stopped(long Step, string Run, int ExitCode) : RunEvent;

/// <summary>The run, or the command, has ended without a result.</summary>
/// <param name="Reason">What was wrong, where, and what to do.</param>
/// <param name="ExitCode">Of the process.</param>
/// <param name="IsOfTraining">Whether the training itself cannot go on (NaN, infinity): another attempt would end in the same way.</param>
public sealed record Failed(string Reason, int ExitCode, bool IsOfTraining = false) : RunEvent;

/// <summary>The run is done.</summary>
/// <param name="Run">The run directory.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Optimizer">The optimizer's name.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="Epochs">Complete passes done.</param>
/// <param name="TrainLoss">Mean over the last complete epoch, else over all steps.</param>
/// <param name="TestLoss">Mean over the test set.</param>
/// <param name="TestAccuracy">Fraction, 0 to 1.</param>
/// <param name="SamplesPerSecond">As <see cref="ThroughputMeter"/> measures; null if the run was too short.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
/// <param name="Workers">As asked for.</param>
/// <param name="Threads">Of each process; null if each worker decided for itself.</param>
/// <param name="Shards">Per step.</param>
/// <param name="Seed">Of every random number.</param>
/// <param name="ResumedFrom">The step it was resumed from; null if it began at 0.</param>
/// <param name="NumericsRevision">The contract of bits.</param>
/// <param name="ParametersSha256">The proof: see docs/determinism.md.</param>
/// <param name="EvaluationSeconds">The part of <paramref name="ElapsedSeconds"/> spent in evaluations by this process.</param>
public sealed record Completed(
    string Run, string Model, string Dataset, string Optimizer, long Steps, long Epochs, double? TrainLoss, double? TestLoss,
    double? TestAccuracy, double? SamplesPerSecond, double ElapsedSeconds, int Workers, int? Threads, int Shards, ulong Seed, long? ResumedFrom,
    int NumericsRevision, string ParametersSha256, double EvaluationSeconds = 0) : RunEvent;

/// <summary>Generated, since reflection would cost a short run a tenth of its time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RunEvent))]
internal sealed partial class RunEventJson : JsonSerializerContext
{
    /// <summary>With quotes and plus signs as they are: the lines are read by people too; where they become part of a page, <c>RunPage</c> takes care of what would end a script.</summary>
    public static RunEventJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
