using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DistTrain.Cli.Search;

/// <summary>What a search tells: a line of <c>--json</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(SearchStarted), "search")]
[JsonDerivedType(typeof(RoundStarted), "round")]
[JsonDerivedType(typeof(TrialStarted), "trialStarted")]
[JsonDerivedType(typeof(TrialRestarted), "trialRestarted")]
[JsonDerivedType(typeof(TrialDone), "trial")]
[JsonDerivedType(typeof(SearchStopped), "stopped")]
[JsonDerivedType(typeof(Searched), "searched")]
public abstract record SearchEvent
{
    /// <summary>The line, without its end.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SearchEventJson.Readable.SearchEvent);
}

/// <summary>The search begins, or goes on.</summary>
/// <param name="Run">Its directory.</param>
/// <param name="Ranges">What is searched, by option.</param>
/// <param name="Trials">To try; of a grid in each round.</param>
/// <param name="Rounds">The first and those that refine.</param>
/// <param name="Workers">Processes; 0 for this one.</param>
/// <param name="Threads">Of each.</param>
/// <param name="TrainSamples">That trials train on.</param>
/// <param name="ValidationSamples">That trials are scored on.</param>
/// <param name="Seed">Of the trials' values and of each training.</param>
/// <param name="ResultsAtHand">From before, when it goes on.</param>
public sealed record SearchStarted(
    string Run, IReadOnlyDictionary<string, string> Ranges, int Trials, int Rounds, int Workers, int Threads, int TrainSamples, int ValidationSamples,
    ulong Seed, int ResultsAtHand) : SearchEvent;

/// <summary>A round begins.</summary>
/// <param name="Round">From 0.</param>
/// <param name="Ranges">What it searches, by option.</param>
public sealed record RoundStarted(int Round, IReadOnlyDictionary<string, string> Ranges) : SearchEvent;

/// <summary>A process trains a trial.</summary>
/// <param name="Trial">Its number.</param>
/// <param name="Rung">From 0.</param>
/// <param name="ProcessId">The process.</param>
public sealed record TrialStarted(int Trial, int Rung, int ProcessId) : SearchEvent;

/// <summary>The process that trained a trial has ended without a result; another one goes on.</summary>
/// <param name="Trial">Its number.</param>
/// <param name="Rung">From 0.</param>
/// <param name="Reason">How it ended.</param>
public sealed record TrialRestarted(int Trial, int Rung, string Reason) : SearchEvent;

/// <summary>A trial has a result on a rung.</summary>
/// <param name="Trial">Its number.</param>
/// <param name="Round">From 0.</param>
/// <param name="Rung">From 0.</param>
/// <param name="Rungs">Of its round.</param>
/// <param name="Steps">Done.</param>
/// <param name="Values">By option.</param>
/// <param name="ValidationLoss">Mean over the validation samples.</param>
/// <param name="ValidationAccuracy">Fraction, 0 to 1.</param>
/// <param name="Failure">Why it failed; null if it did not.</param>
public sealed record TrialDone(
    int Trial, int Round, int Rung, int Rungs, long Steps, IReadOnlyDictionary<string, string> Values, double? ValidationLoss, double? ValidationAccuracy,
    string? Failure) : SearchEvent;

/// <summary>It was asked to stop; <c>--resume auto</c> goes on.</summary>
/// <param name="Run">Its directory.</param>
/// <param name="Results">At hand.</param>
/// <param name="ExitCode">Of the process.</param>
public sealed record SearchStopped(string Run, int Results, int ExitCode) : SearchEvent;

/// <summary>A line of the table.</summary>
/// <param name="Rank">From 1.</param>
/// <param name="Trial">Its number.</param>
/// <param name="Round">From 0.</param>
/// <param name="Values">By option.</param>
/// <param name="Steps">Done.</param>
/// <param name="ValidationLoss">Mean over the validation samples.</param>
/// <param name="ValidationAccuracy">Fraction, 0 to 1.</param>
/// <param name="Failure">Why it failed; null if it did not.</param>
/// <param name="ParametersSha256">The proof; null if it failed.</param>
public sealed record SearchRow(
    int Rank, int Trial, int Round, IReadOnlyDictionary<string, string> Values, long Steps, double? ValidationLoss, double? ValidationAccuracy,
    string? Failure, string? ParametersSha256);

/// <summary>The search is over.</summary>
/// <param name="Run">Its directory.</param>
/// <param name="Rows">The best first.</param>
/// <param name="Winner">The best trial; null if there is none.</param>
/// <param name="TestLoss">The winner's, on the test set.</param>
/// <param name="TestAccuracy">The winner's, on the test set.</param>
/// <param name="Command">Trains the winner's network on the full training set.</param>
/// <param name="ElapsedSeconds">Since the process began.</param>
public sealed record Searched(
    string Run, IReadOnlyList<SearchRow> Rows, int? Winner, double? TestLoss, double? TestAccuracy, string? Command, double ElapsedSeconds) : SearchEvent;

/// <summary>With quotes and plus signs as they are: the lines are read by people too, and never become part of a web page.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SearchEvent))]
internal sealed partial class SearchEventJson : JsonSerializerContext
{
    /// <summary>The one to use.</summary>
    public static SearchEventJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
