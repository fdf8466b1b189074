namespace DistTrain.Core.Formats;

/// <summary>How messages speak of tensors in files.</summary>
internal static class TensorText
{
    private const int Longest = 100;

    /// <summary>Which tensor of which file.</summary>
    public static string Place(string source, string tensor) => $"{source}: tensor '{Shorten(tensor)}'";

    /// <summary>A shape from a file as Python writes it: <c>(100, 784)</c>, <c>(10,)</c>.</summary>
    public static string Shape(IReadOnlyList<long> dimensions) =>
        dimensions.Count == 1 ? $"({dimensions[0]},)" : $"({string.Join(", ", dimensions)})";

    /// <summary>A text from a file as a message may show it: no control characters, no megabytes.</summary>
    public static string Shorten(string text)
    {
        var shown = text.Length <= Longest ? text : text[..Longest] + "…";
        return string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c));
    }
}
