using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Simulation;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>simulate</c>: the rules of coordinator, worker and checkpoint under a virtual clock, with seeded faults in network, disk and processes.
/// Without a fault of its own the product ends every seed in the calm run's bits.
/// </summary>
public sealed partial class SimulateVerb : Verb
{
    private const int LinesShown = 30;

    private static readonly Setting<long> Seeds = Options.Settings.Integer("--seeds", "How many seeds to simulate, from --seed on. Default 1 with --seed, else 500.", 1, int.MaxValue);
    private static readonly Setting<string> MutationName = Options.Settings.Name(
        "--mutation", $"Leave a safeguard out, to see that it is missed: {string.Join(", ", Enum.GetNames<Mutation>())}.", Enum.GetNames<Mutation>());

    private static readonly Setting<bool> TraceFlag = Options.Settings.Flag("--trace", "Print everything that happens.");

    /// <inheritdoc/>
    public override string Name => "simulate";

    /// <inheritdoc/>
    public override string Help => "Simulate runs with random faults under a virtual clock; exit code 1 if a rule breaks, with the command that replays it.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("simulate --seeds 500", "five hundred runs with faults")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [Seeds, CommonOptions.Seed, MutationName, TraceFlag, CommonOptions.Json];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        var (values, output) = (call.Values, call.Surroundings.Output);
        var isOne = values.Has(CommonOptions.Seed);
        var first = values.Get(CommonOptions.Seed, CommonOptions.DefaultSeed);
        var count = values.Get(Seeds, isOne ? 1 : 500);
        var mutation = Enum.Parse<Mutation>(values.Get(MutationName, nameof(Mutation.None)));
        var json = values.Get(CommonOptions.Json, false);
        var coverage = new Coverage();
        for (var i = 0L; i < count; i++)
        {
            call.Stop.Token.ThrowIfCancellationRequested();
            var result = Simulator.Run(first + (ulong)i, mutation, values.Get(TraceFlag, false) && !json ? output.WriteLine : null);
            coverage.Add(result.Coverage);
            if (result.Violation is not null)
            {
                output.WriteLine(json ? JsonSerializer.Serialize(FailedLine.Of(result), SimulateJson.Default.FailedLine) : Describe(result));
                return Task.FromResult(ExitCode.Failed);
            }

            if (!json && (i + 1) % 100 == 0)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i + 1} of {count} seeds hold"));
            }
        }

        output.WriteLine(json ? JsonSerializer.Serialize(DoneLine.Of(first, count, coverage), SimulateJson.Default.DoneLine) : Describe(count, coverage));
        return Task.FromResult(ExitCode.Done);
    }

    private static string Describe(SimulationResult result) =>
        $"Seed {result.Seed} breaks a rule: {result.Violation}\n\n{string.Join('\n', result.LastLines.TakeLast(LinesShown))}\n\n"
        + $"Again: {result.ReplayCommand}";

    private static string Describe(long count, Coverage coverage)
    {
        var rows = Enum.GetValues<FaultKind>().Select(kind => (Name: kind.ToString(), Count: coverage[kind]))
            .Concat(Enum.GetValues<RecoveryBranch>().Select(branch => (Name: branch.ToString(), Count: coverage[branch])));
        return string.Join('\n', rows.Select(row => string.Create(CultureInfo.InvariantCulture, $"{row.Name,-28}{row.Count,10:N0}")))
            + string.Create(CultureInfo.InvariantCulture, $"\n\nAll rules hold over {count} seeds.");
    }

    /// <summary>A seed that broke a rule, as a line of JSON.</summary>
    internal sealed record FailedLine(string Event, ulong Seed, string Violation, IReadOnlyList<string> Trace, string Replay)
    {
        public static FailedLine Of(SimulationResult result) =>
            new("violated", result.Seed, result.Violation!, [.. result.LastLines.TakeLast(LinesShown)], result.ReplayCommand);
    }

    /// <summary>All seeds held, as a line of JSON.</summary>
    internal sealed record DoneLine(string Event, ulong Seed, long Seeds, IReadOnlyDictionary<string, long> Faults, IReadOnlyDictionary<string, long> Recoveries)
    {
        public static DoneLine Of(ulong first, long count, Coverage coverage) => new(
            "simulated",
            first,
            count,
            Enum.GetValues<FaultKind>().ToDictionary(kind => kind.ToString(), kind => coverage[kind]),
            Enum.GetValues<RecoveryBranch>().ToDictionary(branch => branch.ToString(), branch => coverage[branch]));
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(FailedLine))]
    [JsonSerializable(typeof(DoneLine))]
    internal sealed partial class SimulateJson : JsonSerializerContext;
}
