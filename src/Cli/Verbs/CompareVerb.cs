using System.Globalization;
using System.Text;
using DistTrain.Cli.Comparison;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Core.Formats;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>compare</c>: the same training with each worker count and by one process, several times in turn, each run by a fresh process of this program. Says what
/// distribution gains, where a step's time goes, from which batch size on it pays, when it does not, and whether the bits agree: docs/scaling.md.
/// </summary>
public sealed class CompareVerb : Verb
{
    /// <summary>The file with the result.</summary>
    public const string ResultFileName = "compare.json";

    /// <inheritdoc/>
    public override string Name => "compare";

    /// <inheritdoc/>
    public override string Help => "Whether distribution pays: the same training with several worker counts and by one process, and whether the bits agree (exit code 1 if not).";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("compare --workers 1,2", "one process beside one and two workers")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings => CompareRequest.Settings;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var request = CompareRequest.From(values, surroundings);
        var json = values.Get(CommonOptions.Json, false);
        var directory = values.FindText(CommonOptions.Out) is { } path ? surroundings.Resolve(path) : DefaultPath(surroundings);
        // Each run makes its own directory in it, and says so if it cannot.
        RunDirectory.RequireUsable(directory);
        var run = new CompareRun(call, request, directory, json ? _ => { } : Tell);
        var comparison = await run.RunAsync().ConfigureAwait(false);

        Directory.CreateDirectory(directory);
        var result = CompareResult.Of(comparison, directory, CompareFigure.Write(directory, comparison));
        DurableFile.Write(Path.Combine(directory, ResultFileName), stream => stream.Write(Encoding.UTF8.GetBytes(result.ToJson() + "\n")));
        surroundings.Output.WriteLine(json ? result.ToJson() : CompareReport.Of(comparison, result));
        return result.Agree ? ExitCode.Done : ExitCode.Failed;

        void Tell(string line)
        {
            surroundings.Output.WriteLine(line);
            surroundings.Output.Flush();
        }
    }

    private static string DefaultPath(Surroundings surroundings) => surroundings.Resolve(Path.Combine(
        "runs", surroundings.Time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture) + "-compare"));
}

/// <summary>A process of this program, started by this one, has failed and said why.</summary>
public sealed class ChildFailedException(string message, int exitCode) : Exception(message)
{
    /// <summary>What it ended with.</summary>
    public int ExitCode { get; } = exitCode;
}
