using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>replay --run DIR --step T [--shard I]</c>: computes a run again from its nearest checkpoint and compares it with what the run recorded.
/// </summary>
public sealed partial class ReplayVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "replay";

    /// <inheritdoc/>
    public override string Help =>
        "Compute the parameters after step T of a run again, from its newest valid checkpoint at or before T, else from step 0, and compare the hashes "
        + "(exit code 0 equal, 1 if they differ).";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("replay --run runs/mine --step 120", "compute up to step 120 again, and compare")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
        [CommonOptions.RunToReplay, CommonOptions.Step, CommonOptions.Shard, CommonOptions.Data, CommonOptions.Threads, CommonOptions.Json];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var path = values.FindText(CommonOptions.RunToReplay) ?? throw new InvalidInputException("--run DIR is missing: the directory of the run to compute again.");
        var step = values.Find(CommonOptions.Step) ?? throw new InvalidInputException("--step T is missing: the step after which to compare the parameters.");
        var shard = values.Find(CommonOptions.Shard);
        var threads = values.Get(CommonOptions.Threads, surroundings.Cores);
        var run = CheckedRun.Open(path, values, surroundings);
        RequireInRange(run.Record, step, shard);

        var dataset = await run.LoadAsync(surroundings, call.Stop.Token).ConfigureAwait(false);
        // A shard of the step's update is computed on the parameters before it.
        var version = shard is null ? step : step - 1;
        using var replayer = run.Replay(version, version, dataset, threads, surroundings, call.Stop.Token);
        var result = ReplayedLine.Of(run.Record, replayer, step) with
        {
            Shard = shard is { } wanted ? ShardLine.Of(replayer.Fingerprint(wanted), run.Record.FindDelivery(version, wanted, surroundings.Error.WriteLine)) : null,
        };
        surroundings.Output.WriteLine(values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(result, ReplayJson.Default.ReplayedLine)
            : Describe(result));
        return replayer.Verdict switch
        {
            ReplayVerdict.Equal => ExitCode.Done,
            ReplayVerdict.Differs => ExitCode.Failed,
            _ => throw new InvalidInputException(
                $"{run.Record.ChainPath}: byte {version * HashChain.SizeBytes}: the hash after step {version} is not known (zeros), so there is nothing to compare with. {Known(run.Record, version)}"),
        };
    }

    private static void RequireInRange(RecordedRun run, long step, int? shard)
    {
        if (step > run.RecordedSteps)
        {
            throw new InvalidInputException(
                $"--step is {step}, but {run.ChainPath} has recorded {run.RecordedSteps} steps so far; it must be from 1 to {run.RecordedSteps}.");
        }

        if (shard >= run.Spec.ShardCount)
        {
            throw new InvalidInputException($"--shard is {shard}, but the run has {run.Spec.ShardCount} shards a step; it must be from 0 to {run.Spec.ShardCount - 1}.");
        }
    }

    private static string Known(RecordedRun run, long version)
    {
        for (var later = version + 1; later <= run.RecordedSteps; later++)
        {
            if (run.ChainAt(later) is not null)
            {
                return FormattableString.Invariant($"The next step whose hash is known is {later}: its replay includes this one.");
            }
        }

        return "No later one is known either.";
    }

    private static string Describe(ReplayedLine result)
    {
        var version = result.FromStep + result.StepsRecomputed;
        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"{result.Run}, the parameters after step {version}")
            .AppendLine(CultureInfo.InvariantCulture, $"  from        {result.Checkpoint ?? $"step 0: there is no valid checkpoint at or before step {version}"}")
            .AppendLine(CultureInfo.InvariantCulture, $"  recomputed  {result.StepsRecomputed} steps{(result.StepsRecomputed > 0 ? "" : ": the checkpoint is of this very step")}")
            .AppendLine(CultureInfo.InvariantCulture, $"  hash        {result.Chain}")
            .AppendLine(CultureInfo.InvariantCulture, $"  recorded    {result.Recorded ?? "unknown"}");
        if (result.Shard is { } shard)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"shard {shard.Index} of the update that led to the parameters after step {result.Step}")
                .AppendLine(CultureInfo.InvariantCulture, $"  samples     {shard.Samples}")
                .AppendLine(CultureInfo.InvariantCulture, $"  loss sum    {EventText.Number(shard.LossSum, "R")}")
                .AppendLine(CultureInfo.InvariantCulture, $"  correct     {shard.Correct}")
                .AppendLine(CultureInfo.InvariantCulture, $"  gradient    {shard.Gradient} (XxHash128)")
                .AppendLine(CultureInfo.InvariantCulture, $"  delivered   {shard.Delivery}");
        }

        text.Append(result.Outcome);
        return result.FirstDifference is { } first
            ? text.Append(CultureInfo.InvariantCulture, $": the first step recomputed whose recorded hash is another one is {first} ({RunJournal.ChainName}, byte {first * HashChain.SizeBytes}).")
                .Append(result.Chain == result.Recorded ? FormattableString.Invariant($" The hash after step {version} is equal: that entry of the file was damaged, not the run.") : "")
                .ToString()
            : text.ToString();
    }

    /// <summary>The result as a line of JSON.</summary>
    /// <param name="Event"><c>replayed</c></param>
    /// <param name="Run">The run directory.</param>
    /// <param name="Step">What was asked for.</param>
    /// <param name="Checkpoint">Where it began; null for step 0.</param>
    /// <param name="FromStep">The steps behind that.</param>
    /// <param name="StepsRecomputed">From there: up to <paramref name="Step"/>, or with a shard to the one before.</param>
    /// <param name="Chain">The hash come to.</param>
    /// <param name="Recorded">What chain.bin says there; null if it is unknown.</param>
    /// <param name="Outcome"><c>equal</c>, <c>differs</c> or <c>unknown</c>.</param>
    /// <param name="FirstDifference">The first step recomputed whose recorded hash is another one; null if there is none.</param>
    /// <param name="Shard">The shard asked for; null if none was.</param>
    internal sealed record ReplayedLine(
        string Event, string Run, long Step, string? Checkpoint, long FromStep, long StepsRecomputed, string Chain, string? Recorded, string Outcome,
        long? FirstDifference, ShardLine? Shard = null)
    {
        public static ReplayedLine Of(RecordedRun run, Replayer replayer, long step)
        {
            var (from, version) = (replayer.FirstVersion, replayer.State.StepsDone);
            return new ReplayedLine(
                "replayed", run.Directory, step, replayer.IsFromCheckpoint ? run.Store.PathOf(from) : null, from, version - from, Hex(replayer.State.Chain),
                run.ChainAt(version) is { } recorded ? Hex(recorded) : null,
                replayer.Verdict switch { ReplayVerdict.Equal => "equal", ReplayVerdict.Differs => "differs", _ => "unknown" },
                replayer.FirstDifference);
        }
    }

    /// <summary>What stands for a shard's partial, and who delivered the one that counted.</summary>
    internal sealed record ShardLine(
        int Index, int Samples, double? LossSum, int Correct, string Gradient, int? Worker, ulong? Incarnation, int? FirstShard, int? EndShard)
    {
        [JsonIgnore]
        public string Delivery => Worker is null
            ? $"not known: {RunJournal.LedgerName} does not say"
            : FormattableString.Invariant($"by worker {Worker} to incarnation {Incarnation}, in the node of shards [{FirstShard}, {EndShard})");

        public static ShardLine Of(ShardFingerprint shard, LedgerRecord? delivery) => new(
            shard.Shard, shard.SampleCount, RunEvent.Finite(shard.LossSum), shard.CorrectCount, Hex(shard.Gradient),
            delivery?.Worker, delivery?.Incarnation, delivery?.Node.Start, delivery?.Node.End);
    }

    private static string Hex(UInt128 hash) => hash.ToString("x32", CultureInfo.InvariantCulture);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(ReplayedLine))]
    internal sealed partial class ReplayJson : JsonSerializerContext;
}
