using System.Globalization;
using System.Text;
using System.Text.Json;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>Names and limits of a checkpoint's files; docs/checkpoints.md describes them.</summary>
internal static class CheckpointFormat
{
    /// <summary>Raised when an older build could not read what this one writes.</summary>
    public const int Version = 1;

    public const string ParametersName = "parameters.safetensors";
    public const string OptimizerName = "optimizer.safetensors";
    public const string StateName = "state.json";
    public const string ManifestName = "manifest.json";

    /// <summary>A model of ten thousand layers needs a tenth of it.</summary>
    public const int MaximumStateBytes = 16 << 20;

    public const int MaximumManifestBytes = 64 << 10;

    private const string DirectoryPrefix = "step-";
    private const int StepDigits = 12;

    // What does not begin with the prefix of a checkpoint is never taken for one.
    private const string TemporaryPrefix = "tmp-";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The files that the manifest lists, in the order they are written.</summary>
    public static IReadOnlyList<string> Files { get; } = [ParametersName, OptimizerName, StateName];

    /// <summary>For example <c>step-000000000120</c>.</summary>
    public static string DirectoryName(long stepsDone) => DirectoryPrefix + stepsDone.ToString($"D{StepDigits}", CultureInfo.InvariantCulture);

    /// <summary>Where a checkpoint is written, or what is left of one on its way out.</summary>
    public static string TemporaryName(string purpose, string directoryName) => $"{TemporaryPrefix}{purpose}-{directoryName}";

    public static bool IsTemporary(string name) => name.StartsWith(TemporaryPrefix, StringComparison.Ordinal);

    /// <summary>The steps behind a checkpoint by its directory's name; null if that is not one.</summary>
    public static long? StepsOf(string name) =>
        name.StartsWith(DirectoryPrefix, StringComparison.Ordinal)
        && long.TryParse(name.AsSpan(DirectoryPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var steps)
        && steps < RandomStream.StepLimit
        && name == DirectoryName(steps)
            ? steps
            : null;

    /// <summary>The text of a JSON file.</summary>
    /// <exception cref="InvalidInputException">It is no UTF-8.</exception>
    public static string Text(byte[] content, string source)
    {
        try
        {
            return StrictUtf8.GetString(content);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidInputException($"{source}: is damaged: it is not UTF-8 text.", e);
        }
    }

    /// <summary>Refuses a document of a format that this build does not know, whatever else is in it.</summary>
    /// <exception cref="InvalidInputException">It is newer, or no document of a known format.</exception>
    public static void RequireVersion(string text, string source)
    {
        int version;
        try
        {
            using var document = JsonDocument.Parse(text);
            version = document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("formatVersion", out var element)
                && element.ValueKind == JsonValueKind.Number
                && element.TryGetInt32(out var number)
                    ? number
                    : 0;
        }
        // Escapes that are no characters are an InvalidOperationException.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidInputException($"{source}: is damaged: it is not valid JSON: {e.Message}", e);
        }

        if (version != Version)
        {
            throw new InvalidInputException(version > Version
                ? $"{source}: is of formatVersion {version}, but this build reads {Version}: use the newer build that wrote it."
                : $"{source}: is damaged: it has no valid formatVersion.");
        }
    }
}
