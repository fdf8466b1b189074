using System.Globalization;
using System.Text;
using DistTrain.Cli.Views;
using DistTrain.Core.Formats;
using DistTrain.Core.Search;

namespace DistTrain.Cli.Search;

/// <summary>What a search has found, for people and for spreadsheets.</summary>
public static class SearchReport
{
    /// <summary>The table as comma-separated values.</summary>
    public const string CsvName = "search.csv";

    private const string CsvQuote = "\"";

    /// <summary>The lines of the table, the best first.</summary>
    /// <param name="ranking">The trials.</param>
    /// <param name="keys">The dimensions' names.</param>
    public static IReadOnlyList<SearchRow> Rows(IReadOnlyList<RankedTrial> ranking, IReadOnlyList<string> keys) =>
    [
        .. ranking.Select(ranked => new SearchRow(
            ranked.Rank,
            ranked.Trial.Number,
            ranked.Trial.Round,
            Named(keys, ranked.Trial.Values),
            ranked.Result.Steps,
            ranked.Result.ValidationLoss,
            ranked.Result.ValidationAccuracy,
            ranked.Result.Failure,
            ranked.Result.ParametersSha256)),
    ];

    /// <summary>Values under their names.</summary>
    public static IReadOnlyDictionary<string, string> Named(IReadOnlyList<string> keys, IEnumerable<string> values) =>
        new OrderedDictionary<string, string>(keys.Zip(values, KeyValuePair.Create), StringComparer.Ordinal);

    /// <summary>The table for people.</summary>
    public static string Table(IReadOnlyList<SearchRow> rows, IReadOnlyList<string> keys)
    {
        string[] head = ["rank", "trial", "round", .. keys, "steps", "validation loss", "accuracy"];
        List<string[]> lines = [head, .. rows.Select(row => (string[])
        [
            Text(row.Rank), Text(row.Trial), Text(row.Round + 1), .. keys.Select(key => row.Values[key]), Text(row.Steps),
            row.Failure is null ? EventText.Number(row.ValidationLoss, "F4") : "failed", EventText.Percent(row.ValidationAccuracy),
        ])];
        var widths = head.Select((_, column) => lines.Max(line => line[column].Length)).ToList();
        return string.Join(Environment.NewLine, lines.Select(line => string.Join("  ", line.Select((cell, column) => cell.PadLeft(widths[column])))));
    }

    /// <summary>Writes <see cref="CsvName"/>.</summary>
    public static void WriteCsv(string directory, IReadOnlyList<SearchRow> rows, IReadOnlyList<string> keys)
    {
        var text = new StringBuilder();
        Line(["rank", "trial", "round", .. keys, "steps", "validationLoss", "validationAccuracy", "failure", "parametersSha256"]);
        foreach (var row in rows)
        {
            Line([
                Text(row.Rank), Text(row.Trial), Text(row.Round), .. keys.Select(key => row.Values[key]), Text(row.Steps),
                EventText.Number(row.ValidationLoss, "R").Replace("n/a", "", StringComparison.Ordinal),
                EventText.Number(row.ValidationAccuracy, "R").Replace("n/a", "", StringComparison.Ordinal),
                row.Failure ?? "", row.ParametersSha256 ?? "",
            ]);
        }

        DurableFile.Write(Path.Combine(directory, CsvName), stream => stream.Write(Encoding.UTF8.GetBytes(text.ToString())));

        // RFC 4180, with line feeds.
        void Line(IEnumerable<string> cells) => text.AppendJoin(',', cells.Select(cell =>
            cell.AsSpan().ContainsAny(",\"\n") ? CsvQuote + cell.Replace(CsvQuote, CsvQuote + CsvQuote, StringComparison.Ordinal) + CsvQuote : cell)).Append('\n');
    }

    /// <summary>An event in words; null for one that is for programs.</summary>
    public static string? Text(SearchEvent happened) => happened switch
    {
        SearchStarted started => string.Create(
            CultureInfo.InvariantCulture,
            $"search over {Ranges(started.Ranges)}: {started.Trials} trials{(started.Rounds > 1 ? $" in {started.Rounds} rounds" : "")}, trained on {started.TrainSamples:N0} and scored on ")
            + string.Create(CultureInfo.InvariantCulture, $"{started.ValidationSamples:N0} samples of the training set, seed {started.Seed}, ")
            + (started.Workers == 0 ? "in this process" : $"{started.Workers} at a time") + $", threads {started.Threads}{Environment.NewLine}search directory {started.Run}"
            + (started.ResultsAtHand > 0 ? $"{Environment.NewLine}it goes on: {started.ResultsAtHand} results are at hand" : ""),
        RoundStarted { Round: > 0 } round => $"round {round.Round + 1}: {Ranges(round.Ranges)}",
        TrialRestarted restarted => $"trial {restarted.Trial} is started again: {restarted.Reason}",
        TrialDone trial => $"trial {trial.Trial}{(trial.Rungs > 1 ? $", rung {trial.Rung + 1} of {trial.Rungs}" : "")}: "
            + (trial.Failure is { } failure ? failure : string.Create(
                CultureInfo.InvariantCulture,
                $"{trial.Steps:N0} steps, validation accuracy {EventText.Percent(trial.ValidationAccuracy)}, loss {EventText.Number(trial.ValidationLoss, "F4")}"))
            + $"  ({Ranges(trial.Values)})",
        SearchStopped stopped => $"stopped with {stopped.Results} results; it goes on with: disttrain search --resume auto --out {stopped.Run}",
        _ => null,
    };

    private static string Ranges(IReadOnlyDictionary<string, string> ranges) => string.Join(", ", ranges.Select(range => $"{range.Key} {range.Value}"));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
