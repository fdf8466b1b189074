using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>compare</c>: the same training with each worker count, one after the other, each by a fresh process of this program, so that all are
/// measured alike. Says what distribution gains, when it does not pay, and whether the bits agree.
/// </summary>
public sealed partial class CompareVerb : Verb
{
    private const int HashCharacters = 12;
    private static readonly int[] DefaultCounts = [0, 1, 2];

    /// <inheritdoc/>
    public override string Name => "compare";

    /// <inheritdoc/>
    public override string Help => "The same training with several worker counts: speed, and whether the bits agree (exit code 1 if not).";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        .. CommonOptions.OfRun, CommonOptions.WorkerCounts, CommonOptions.Threads, CommonOptions.Transport, CommonOptions.Out, CommonOptions.Config,
        CommonOptions.StartTimeout, CommonOptions.Json,
    ];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var counts = values.Get(CommonOptions.WorkerCounts, DefaultCounts);
        if (counts.Distinct().Count() < counts.Count)
        {
            throw new InvalidInputException($"{values.Place(CommonOptions.WorkerCounts)} names a worker count twice; each is compared once.");
        }

        // What can be refused without the data is refused here, before the first run starts.
        RunRequest.From(values, surroundings);
        values.Find(CommonOptions.Threads);
        values.Find(CommonOptions.StartTimeout);
        var json = values.Get(CommonOptions.Json, false);
        var directory = values.FindText(CommonOptions.Out) is { } path ? surroundings.Resolve(path) : DefaultPath(surroundings);
        // Each run makes its own directory in it, and says so if it cannot.
        RunDirectory.RequireUsable(directory);
        var rows = new List<ComparedRow>();
        foreach (var count in counts)
        {
            var completed = await MeasureAsync(call, count, Path.Combine(directory, FormattableString.Invariant($"workers-{count}"))).ConfigureAwait(false);
            rows.Add(ComparedRow.Of(completed, rows.FirstOrDefault()));
            if (!json)
            {
                surroundings.Output.WriteLine(FormattableString.Invariant(
                    $"measured {Workers(count)}: {EventText.Number(completed.SamplesPerSecond, "N0")} samples/s, {completed.ElapsedSeconds:F1} s in all"));
            }
        }

        var agree = rows.All(row => row.ParametersSha256 == rows[0].ParametersSha256);
        var result = new ComparedLine("compared", directory, agree, rows);
        surroundings.Output.WriteLine(json ? JsonSerializer.Serialize(result, CompareJson.Default.ComparedLine) : Describe(result));
        return agree ? ExitCode.Done : ExitCode.Failed;
    }

    private static string DefaultPath(Surroundings surroundings) => surroundings.Resolve(Path.Combine(
        "runs", surroundings.Time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture) + "-compare"));

    private static async Task<Completed> MeasureAsync(VerbCall call, int workers, string directory)
    {
        var arguments = (List<string>)
        [
            "train",
            .. call.Values.CommandLine(without: [CommonOptions.WorkerCounts, CommonOptions.Out, CommonOptions.Json]),
            CommonOptions.Workers.Name, workers.ToString(CultureInfo.InvariantCulture),
            CommonOptions.Out.Name, directory,
            CommonOptions.Json.Name,
        ];
        RunEvent? last = null;
        var code = await call.Surroundings.RunAgain(arguments, line => last = RunEvent.FromJson(line) ?? last, call.Stop.Token).ConfigureAwait(false);
        call.Stop.Token.ThrowIfCancellationRequested();
        return code == ExitCode.Done && last is Completed completed
            ? completed
            : throw new ChildFailedException(
                $"The training with {Workers(workers)} ended with exit code {code}: {(last is Failed failed ? failed.Reason : "it did not say why")}",
                code == ExitCode.Done ? ExitCode.Failed : code);
    }

    private static string Describe(ComparedLine result)
    {
        var text = new StringBuilder()
            .AppendLine()
            .AppendLine("workers  threads  samples/s  speed-up  efficiency  parametersSha256  agrees");
        foreach (var row in result.Rows)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{row.Workers,7}  {row.Threads,7}  {EventText.Number(row.SamplesPerSecond, "N0"),9}  {EventText.Number(row.SpeedUp, "F2"),8}  {EventText.Percent(row.Efficiency, "F0"),10}  {row.ParametersSha256[..HashCharacters] + "…",-16}  {(row.Agrees ? "yes" : "NO")}");
        }

        var first = result.Rows[0];
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"Speed-up is against the first row; efficiency is that per compute thread. Runs are in {result.Run}.");
        foreach (var row in result.Rows.Skip(1).Where(row => row.SpeedUp is not null))
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{Workers(row.Workers)}: {row.SpeedUp:F2} times as fast as {Workers(first.Workers)}{(row.SpeedUp > 1 ? "" : ": here it does not pay")}.");
        }

        return text.Append(result.Agree ? "The hashes agree: the same bits." : "THE HASHES DIFFER.").ToString();
    }

    private static string Workers(int count) => count switch { 0 => "no workers", 1 => "1 worker", _ => FormattableString.Invariant($"{count} workers") };

    /// <summary>One worker count.</summary>
    /// <param name="Workers">How many.</param>
    /// <param name="Threads">Of each process.</param>
    /// <param name="SamplesPerSecond">Measured inside steps; null if the run was too short.</param>
    /// <param name="ElapsedSeconds">Of the whole process.</param>
    /// <param name="SpeedUp">Against the first row.</param>
    /// <param name="Efficiency">Speed-up ÷ the ratio of all compute threads to the first row's.</param>
    /// <param name="ParametersSha256">The result.</param>
    /// <param name="TestAccuracy">Fraction.</param>
    /// <param name="Agrees">Whether it is the first row's result.</param>
    internal sealed record ComparedRow(
        int Workers, int Threads, double? SamplesPerSecond, double ElapsedSeconds, double? SpeedUp, double? Efficiency, string ParametersSha256,
        double? TestAccuracy, bool Agrees)
    {
        public static ComparedRow Of(Completed run, ComparedRow? first)
        {
            var speedUp = first is null ? 1 : RunEvent.Finite(run.SamplesPerSecond / first.SamplesPerSecond);
            var threads = first is null ? 1 : (double)AllThreads(run.Workers, run.Threads ?? 1) / AllThreads(first.Workers, first.Threads);
            return new ComparedRow(
                run.Workers, run.Threads ?? 1, run.SamplesPerSecond, run.ElapsedSeconds, speedUp, speedUp / threads, run.ParametersSha256, run.TestAccuracy,
                first is null || first.ParametersSha256 == run.ParametersSha256);
        }

        private static int AllThreads(int workers, int threads) => Math.Max(1, workers) * threads;
    }

    /// <summary>The result as a line of JSON.</summary>
    internal sealed record ComparedLine(string Event, string Run, bool Agree, IReadOnlyList<ComparedRow> Rows);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(ComparedLine))]
    internal sealed partial class CompareJson : JsonSerializerContext;
}

/// <summary>A process of this program, started by this one, has failed and said why.</summary>
public sealed class ChildFailedException(string message, int exitCode) : Exception(message)
{
    /// <summary>What it ended with.</summary>
    public int ExitCode { get; } = exitCode;
}
