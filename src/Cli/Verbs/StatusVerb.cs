using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Operating;
using DistTrain.Cli.Options;
using DistTrain.Transport.Wire;

namespace DistTrain.Cli.Verbs;

/// <summary><c>status</c>: how a run stands, for people or as one line of JSON.</summary>
public sealed partial class StatusVerb : OperatorVerb
{
    private static readonly string[] Header = ["worker", "state", "shards", "compute", "network", "wait", "silent", ""];

    /// <inheritdoc/>
    public override string Name => "status";

    /// <inheritdoc/>
    public override string Help => "Show how a run stands and what each of its workers does.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("status --run runs/mine", "its workers, and whom it waits for")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [.. CommonOptions.OfOperator, CommonOptions.Json];

    private protected override Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status)
    {
        call.Surroundings.Output.WriteLine(call.Values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(StatusLine.Of(status), StatusJson.Default.StatusLine)
            : Text(status));
        return Task.CompletedTask;
    }

    /// <summary>What it does, as a word.</summary>
    internal static string Word(RunPhase phase) => phase switch
    {
        RunPhase.WaitingForWorkers => "waiting",
        RunPhase.Paused => "paused",
        RunPhase.Computing => "computing",
        RunPhase.Committing => "updating",
        RunPhase.Saving => "saving",
        RunPhase.Ended => "ended",
        _ => "unknown",
    };

    /// <summary>For people: a line or three, and a table of the workers.</summary>
    internal static string Text(StatusReply status)
    {
        var text = new StringBuilder();
        Line($"{Word(status.Phase)}, step {status.Step} of {status.Steps}, incarnation {status.Incarnation}, last checkpoint: {(status.HasCheckpointStep ? $"step {status.CheckpointStep}" : "none")}");
        if (status.WaitsFor.Length > 0)
        {
            Line($"{status.WaitsFor}");
        }

        Line($"{status.Workers.Count} attached, {status.WorkersNeeded} needed");
        if (status.Workers.Count > 0)
        {
            AppendTable(text, [Header, .. status.Workers.Select(worker => Row(worker, worker.Id == status.SlowWorker))]);
        }

        return text.ToString().TrimEnd();

        void Line(FormattableString line) => text.AppendLine(FormattableString.Invariant(line));
    }

    private static string[] Row(WorkerReport worker, bool isSlow) =>
    [
        FormattableString.Invariant($"{worker.Id} ({worker.Host}, pid {worker.ProcessId}{(worker.Name.EndsWith($"/{worker.ProcessId}", StringComparison.Ordinal) ? "" : $", {worker.Name}")})"),
        worker.State,
        FormattableString.Invariant($"{worker.Shards}"),
        Duration(worker.HasComputeMilliseconds, worker.ComputeMilliseconds),
        Duration(worker.HasNetworkMilliseconds, worker.NetworkMilliseconds),
        Duration(worker.HasWaitMilliseconds, worker.WaitMilliseconds),
        FormattableString.Invariant($"{worker.SilentMilliseconds / 1000:0.0} s"),
        isSlow ? "<- the others wait for it" : "",
    ];

    private static string Duration(bool isKnown, double milliseconds) => isKnown ? FormattableString.Invariant($"{milliseconds:0.00} ms") : "-";

    private static void AppendTable(StringBuilder text, IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, Header.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            // Words to the left, numbers to the right.
            text.AppendLine(string.Join("  ", row.Select((cell, column) => column is < 2 or 7 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
        }
    }

    private sealed record StatusLine(
        string Event, string Phase, ulong Step, ulong Steps, ulong Incarnation, ulong? CheckpointStep, uint WorkersNeeded, string? WaitsFor, uint? SlowWorker,
        IReadOnlyList<WorkerLine> Workers)
    {
        public static StatusLine Of(StatusReply status) => new(
            "status",
            Word(status.Phase),
            status.Step,
            status.Steps,
            status.Incarnation,
            status.HasCheckpointStep ? status.CheckpointStep : null,
            status.WorkersNeeded,
            status.WaitsFor.Length > 0 ? status.WaitsFor : null,
            status.SlowWorker > 0 ? status.SlowWorker : null,
            [.. status.Workers.Select(WorkerLine.Of)]);
    }

    private sealed record WorkerLine(
        uint Id, string Name, string Host, uint ProcessId, uint Threads, string State, uint Shards, double SilentSeconds, double? ComputeMilliseconds,
        double? NetworkMilliseconds, double? WaitMilliseconds)
    {
        public static WorkerLine Of(WorkerReport worker) => new(
            worker.Id,
            worker.Name,
            worker.Host,
            worker.ProcessId,
            worker.Threads,
            worker.State,
            worker.Shards,
            worker.SilentMilliseconds / 1000,
            worker.HasComputeMilliseconds ? worker.ComputeMilliseconds : null,
            worker.HasNetworkMilliseconds ? worker.NetworkMilliseconds : null,
            worker.HasWaitMilliseconds ? worker.WaitMilliseconds : null);
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(StatusLine))]
    private sealed partial class StatusJson : JsonSerializerContext;
}
