using System.Globalization;
using DistTrain.Cli.Operating;
using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Transport.Wire;

namespace DistTrain.Cli.Verbs;

/// <summary>What the verbs share that ask a running training for something: how they find it.</summary>
public abstract class OperatorVerb : Verb
{
    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [.. CommonOptions.OfOperator];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        Check(call);
        var address = RunAddress.Of(call);
        using var client = new CoordinatorClient(
            address, call.Surroundings.Time, call.Stop.Token, address.IsSecure ? IdentityPlace.OperatorCredentials(call, address) : null);
        var status = await client.FindAsync(call.Values.Get(CommonOptions.FindTimeout, CommonOptions.DefaultFindTimeout)).ConfigureAwait(false);
        await AskAsync(call, client, status).ConfigureAwait(false);
        return ExitCode.Done;
    }

    /// <summary>Checks what can be checked before anybody is asked.</summary>
    private protected virtual void Check(VerbCall call)
    {
    }

    /// <summary>Asks, and prints the answer.</summary>
    /// <param name="call">The call.</param>
    /// <param name="client">The run.</param>
    /// <param name="status">How it stood a moment ago.</param>
    private protected abstract Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status);

    private protected static void Say(VerbCall call, FormattableString line) => call.Surroundings.Output.WriteLine(FormattableString.Invariant(line));
}

/// <summary><c>pause</c></summary>
public sealed class PauseVerb : OperatorVerb
{
    /// <inheritdoc/>
    public override string Name => "pause";

    /// <inheritdoc/>
    public override string Help => "Let a run begin no further step until 'disttrain resume'; its workers stay.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("pause --run runs/mine", "no further step until it is resumed")];

    private protected override async Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status) =>
        Say(call, $"Paused: {await client.PauseAsync().ConfigureAwait(false)} of {status.Steps} steps are done; the one being computed is finished. 'disttrain resume' goes on.");
}

/// <summary><c>resume</c></summary>
public sealed class ResumeVerb : OperatorVerb
{
    /// <inheritdoc/>
    public override string Name => "resume";

    /// <inheritdoc/>
    public override string Help => "Let a paused run go on.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("resume --run runs/mine", "go on")];

    private protected override async Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status) =>
        Say(call, $"Goes on: {await client.ResumeAsync().ConfigureAwait(false)} of {status.Steps} steps are done.");
}

/// <summary><c>checkpoint</c></summary>
public sealed class CheckpointVerb : OperatorVerb
{
    /// <inheritdoc/>
    public override string Name => "checkpoint";

    /// <inheritdoc/>
    public override string Help => "Let a run save now, and wait until the checkpoint is durable.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("checkpoint --run runs/mine", "save now")];

    private protected override async Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status)
    {
        var saved = await client.CheckpointAsync().ConfigureAwait(false);
        Say(call, $"Saved: step {saved.Step} of {status.Steps}{(saved.Path.Length > 0 ? $" in {saved.Path}" : "")}.");
    }
}

/// <summary><c>stop</c></summary>
public sealed class StopVerb : OperatorVerb
{
    /// <inheritdoc/>
    public override string Name => "stop";

    /// <inheritdoc/>
    public override string Help => "End a run after the current step, and wait until its checkpoint is durable.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("stop --run runs/mine", "save and end")];

    private protected override async Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status)
    {
        var stopped = await client.StopAsync().ConfigureAwait(false);
        Say(call, $"Stopped after step {stopped.Step} of {status.Steps}, {(stopped.HasCheckpoint ? "with a durable checkpoint; '--resume auto' goes on" : "without a checkpoint: this run keeps none")}.");
    }
}

/// <summary><c>scale N</c></summary>
public sealed class ScaleVerb : OperatorVerb
{
    /// <inheritdoc/>
    public override string Name => "scale";

    /// <inheritdoc/>
    public override string Help => "Let a run that starts its own workers ('train --workers N') have N of them from now on.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("scale 4 --run runs/mine", "four worker processes from now on")];

    /// <inheritdoc/>
    public override string? ArgumentName => "N";

    /// <inheritdoc/>
    public override string ArgumentHelp => "Worker processes, 0 to 1024.";

    private protected override void Check(VerbCall call) => Count(call);

    private protected override async Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status)
    {
        var wanted = Count(call);
        var scaled = await client.ScaleAsync(wanted).ConfigureAwait(false);
        Say(call, $"Workers of the run's own: {scaled.WorkersBefore} before, {wanted} from now on.");
        if (wanted == 0)
        {
            Say(call, $"Without other workers the run waits for {TimeSpan.FromMilliseconds(scaled.StartTimeoutMilliseconds).TotalSeconds:0.###} s (--start-timeout) and then ends with exit code 3.");
        }
    }

    private static int Count(VerbCall call) =>
        int.TryParse(call.Argument, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= CommonOptions.MostWorkers
            ? count
            : throw new InvalidInputException($"N is '{call.Argument}'; it must be a whole number from 0 to {CommonOptions.MostWorkers}.");
}

/// <summary><c>health</c>: for probes of container engines, which have no shell to ask with.</summary>
public sealed class HealthVerb : OperatorVerb
{
    /// <inheritdoc/>
    public override string Name => "health";

    /// <inheritdoc/>
    public override string Help => "Say whether a coordinator answers: exit code 0 if so, 3 if nobody does, 2 if it does not want to. For probes.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("health --coordinator 127.0.0.1:29500 --tls", "for the probe of a container")];

    private protected override Task AskAsync(VerbCall call, CoordinatorClient client, StatusReply status)
    {
        Say(call, $"ok: {StatusVerb.Word(status.Phase)}, step {status.Step} of {status.Steps}, {status.Workers.Count} workers");
        return Task.CompletedTask;
    }
}
