namespace DistTrain.Cli.Options;

/// <summary>What somebody who mistyped may have meant.</summary>
public static class NearestName
{
    /// <summary>" Did you mean 'x'?" for the closest of the known names, or nothing if none is close.</summary>
    public static string Suggestion(string given, IEnumerable<string> known) =>
        Find(given, known) is { } name ? $" Did you mean '{name}'?" : "";

    /// <summary>The known name with the fewest edits, if they are at most a third of its length (at least 2), or one that begins like it.</summary>
    public static string? Find(string given, IEnumerable<string> known)
    {
        var names = known.ToList();
        var best = names.Select(name => (name, distance: Distance(given.ToLowerInvariant(), name.ToLowerInvariant()))).MinBy(pair => pair.distance);
        return best.name is { } nearest && best.distance <= Math.Max(2, nearest.Length / 3)
            ? nearest
            : names.Find(name => given.Length > 2 && name.StartsWith(given, StringComparison.Ordinal));
    }

    /// <summary>Insertions, deletions and substitutions from one text to the other (Levenshtein 1965).</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var substituted = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
