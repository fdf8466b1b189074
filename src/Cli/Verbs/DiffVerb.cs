using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Cli.Verbs;

/// <summary><c>diff RUN_A RUN_B</c>: the first step, and tensor, by which two runs differ.</summary>
public sealed class DiffVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "diff";

    /// <inheritdoc/>
    public override string Help =>
        "The first step, and tensor, by which two runs differ, and whose record is wrong if they should not (exit code 0 equal as far as both go, 1 if they differ).";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("diff runs/a runs/b", "the first step by which they differ")];

    /// <inheritdoc/>
    public override IReadOnlyList<string> ArgumentNames { get; } = ["RUN_A", "RUN_B"];

    /// <inheritdoc/>
    public override string ArgumentHelp => "A run directory, also of a run that is going on; nothing is written there.";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.Data, CommonOptions.Threads, CommonOptions.Json];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var threads = values.Get(CommonOptions.Threads, surroundings.Cores);
        var isJson = values.Get(CommonOptions.Json, false);
        var a = CheckedRun.Open(call.Arguments[0], values, surroundings);
        var b = CheckedRun.Open(call.Arguments[1], values, surroundings);
        var result = DiffLine.Of(a.Record, b.Record);
        if (result.FirstDifference is { } step)
        {
            result = await ExplainAsync(result, step, new RunDiff(a, b, threads, surroundings), call.Stop.Token).ConfigureAwait(false);
        }
        else if (result.EqualThrough is null)
        {
            throw new InvalidInputException(
                $"There is no step whose hash both runs know: {a.Record.ChainPath} and {b.Record.ChainPath} have no entry in common that is not zero (unknown).");
        }

        surroundings.Output.WriteLine(isJson ? result.ToJson() : result.ToText());
        return result.FirstDifference is null ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>The difference, computed again; where it is in neither computation, or that could not be done, what checkpoints show.</summary>
    private static async Task<DiffLine> ExplainAsync(DiffLine result, long step, RunDiff diff, CancellationToken cancellation)
    {
        var recomputed = await diff.RecomputeAsync(step, cancellation).ConfigureAwait(false);
        return result with
        {
            Layout = diff.Layout,
            Recomputed = recomputed,
            Checkpoints = recomputed?.Tensors is { Count: > 0 } ? null : diff.CompareCheckpoints(step),
        };
    }
}
