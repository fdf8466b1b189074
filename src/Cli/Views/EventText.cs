using System.Globalization;
using System.Text;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Views;

/// <summary>Events in words, for the views that people read.</summary>
public static class EventText
{
    /// <summary>The event in one line, or a few at begin and end.</summary>
    public static string Of(RunEvent happened) => happened switch
    {
        Started started => Of(started),
        Progress progress => Invariant($"step {progress.Step:N0} of {progress.Steps:N0}, epoch {progress.Epoch}: ")
            + Invariant($"loss {Number(progress.TrainLoss, "F4")}, {Number(progress.SamplesPerSecond, "N0")} samples/s, {Remaining(progress)} to go"),
        EpochDone epoch => Invariant($"epoch {epoch.Epoch}: train loss {Number(epoch.TrainLoss, "F4")}, ")
            + (epoch is { TestLoss: null, TestAccuracy: null } ? "" : Test(epoch.TestLoss, epoch.TestAccuracy, epoch.EvaluationSeconds) + ", ")
            + Invariant($"{Number(epoch.SamplesPerSecond, "N0")} samples/s, {epoch.ElapsedSeconds:F1} s"),
        Evaluated evaluated => Invariant($"step {evaluated.Step:N0}: {Test(evaluated.TestLoss, evaluated.TestAccuracy, evaluated.EvaluationSeconds)}, {evaluated.ElapsedSeconds:F1} s"),
        WorkerChanged worker => $"worker {worker.Worker}".TrimEnd() + $" {worker.What}" + (worker.Reason is null ? "" : $": {worker.Reason}"),
        CheckpointDone { Reason: { } reason } failed => Invariant($"the checkpoint of step {failed.Step:N0} could not be written: {reason}"),
        CheckpointDone saved => Invariant($"checkpoint of step {saved.Step:N0} in {saved.Seconds:F1} s: {saved.Path}"),
        Stopped stopped => Invariant($"stopped after step {stopped.Step:N0} with a durable checkpoint; it goes on with --resume auto --out {stopped.Run}"),
        StepTimes times => Of(times),
        Failed failed => failed.Reason,
        Completed completed => Of(completed),
        _ => happened.ToString(),
    };

    /// <summary>How long still, at the speed so far.</summary>
    public static string Remaining(Progress progress) =>
        progress.RemainingSeconds is { } seconds ? Invariant($"{TimeSpan.FromSeconds(Math.Ceiling(Math.Min(seconds, 8e6)))}") : "unknown time";

    /// <summary>A number, or n/a.</summary>
    public static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "n/a";

    /// <summary>A fraction in percent, or n/a.</summary>
    public static string Percent(double? fraction, string format = "F2") => fraction is { } value ? Number(value * 100, format) + " %" : "n/a";

    /// <summary>The parts of a step, those of one process or of several.</summary>
    private static string Of(StepTimes times) => Invariant($"median step {times.StepMicroseconds:N0} µs: ") + string.Join(", ", times.Parts
        .Where(part => part.Microseconds > 0).Select(part => Invariant($"{part.Name} {part.Microseconds:N0}")));

    private static string Of(Started started)
    {
        var who = started.Workers == 0
            ? Invariant($"in this process, {Plural(started.Threads ?? 1, "thread")}")
            : Invariant($"on {Plural(started.Workers, "worker")}{(started.Threads is { } threads ? " of " + Plural(threads, "thread") : " or more")}");
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{started.Model} on {started.Dataset}, {started.Optimizer}, batch {started.BatchSize}, ")
            .Append(CultureInfo.InvariantCulture, $"{started.Steps:N0} steps ({started.StepsPerEpoch:N0} per epoch), {started.Shards} shards, seed {started.Seed}, {who}")
            .AppendLine()
            .Append(CultureInfo.InvariantCulture, $"run directory {started.Run}");
        if (started.HeldOut is { } heldOut)
        {
            text.AppendLine().Append(CultureInfo.InvariantCulture, $"the test samples are {heldOut:N0} held out of the training set; its own test set is not touched");
        }

        if (started.Dashboard is { } dashboard)
        {
            text.AppendLine().Append(CultureInfo.InvariantCulture, $"dashboard {dashboard}");
        }

        if (started.Join is { } join)
        {
            text.AppendLine().Append(CultureInfo.InvariantCulture, $"more workers can join: {join}");
        }

        return text.ToString();
    }

    private static string Of(Completed completed) => new StringBuilder()
        .Append(CultureInfo.InvariantCulture, $"done: {completed.Steps:N0} steps in {completed.ElapsedSeconds:F1} s")
        .Append(CultureInfo.InvariantCulture, $", {completed.EvaluationSeconds:F1} s of it in evaluations")
        .Append(CultureInfo.InvariantCulture, $" ({Number(completed.SamplesPerSecond, "N0")} samples/s inside steps)").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"  test accuracy     {Percent(completed.TestAccuracy)}").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"  test loss         {Number(completed.TestLoss, "F4")}").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"  train loss        {Number(completed.TrainLoss, "F4")}").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"  parametersSha256  {completed.ParametersSha256}").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"  run directory     {completed.Run}").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"next: disttrain evaluate {completed.Run}").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"      train on: the same command with --resume auto --out {completed.Run} and more --epochs or --steps").AppendLine()
        .Append(CultureInfo.InvariantCulture, $"      use elsewhere: {Path.Combine(completed.Run, RunDirectory.ParametersFileName)} has PyTorch's names and layouts")
        .ToString();

    private static string Test(double? loss, double? accuracy, double seconds) =>
        Invariant($"test loss {Number(loss, "F4")}, test accuracy {Percent(accuracy)} (evaluated in {seconds:F1} s)");

    private static string Plural(int count, string noun) => Invariant($"{count} {noun}{(count == 1 ? "" : "s")}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
