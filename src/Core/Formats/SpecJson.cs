using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Core.Formats;

/// <summary>Run and model specifications as JSON: camelCase, strict. An unknown or missing member is an error that says where.</summary>
public static class SpecJson
{
    /// <summary>Strict reading, indented writing.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = 32,
        WriteIndented = true,
    };

    private static readonly JsonSerializerOptions Compact = new(Options) { WriteIndented = false };

    /// <summary>The JSON text of a specification.</summary>
    public static string Write<TSpec>(TSpec spec, bool indented = true) => JsonSerializer.Serialize(spec, indented ? Options : Compact);

    /// <summary>Reads a model specification.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="InvalidInputException">The text is no valid specification.</exception>
    public static ModelSpec ReadModel(string json, string source)
    {
        var model = Read<ModelSpec>(json, source);
        model.Shapes();
        return model;
    }

    /// <summary>Reads and validates a run specification.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="InvalidInputException">The text is no valid specification.</exception>
    public static RunSpec ReadRun(string json, string source)
    {
        var run = Read<RunSpec>(json, source);
        run.Validate();
        return run;
    }

    private static TSpec Read<TSpec>(string json, string source)
    {
        try
        {
            return JsonSerializer.Deserialize<TSpec>(json, Options) ?? throw new InvalidInputException($"{source}: the file says null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            var place = e is JsonException { LineNumber: { } line } ? $" (line {line + 1})" : "";
            throw new InvalidInputException($"{source}{place}: {e.Message}", e);
        }
    }
}
