using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Core.Formats;

/// <summary>Run and model specifications as JSON: camelCase, strict. An unknown or missing member is an error that says where.</summary>
public static partial class SpecJson
{
    // Room for a model of BlockSpec.MaximumDepth blocks, three levels each at most, inside of a run inside of a checkpoint's state.
    private const int MaximumDepth = 64;

    // Of each end of a serializer's message.
    private const int LongestPart = 500;

    /// <summary>Strict reading, indented writing.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        AllowOutOfOrderMetadataProperties = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { SpecCatalog.Describe } },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = MaximumDepth,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
    };

    /// <summary>
    /// The same for writing only, by generated code for the types that each run writes: reflection takes a tenth of a second to get going. Not for
    /// reading, where generated code would overwrite the defaults of members that the text leaves out.
    /// </summary>
    public static JsonSerializerOptions WritingOptions { get; } = new(Options)
    {
        TypeInfoResolver = JsonTypeInfoResolver.Combine(SpecJsonContext.Default, new DefaultJsonTypeInfoResolver()).WithAddedModifier(SpecCatalog.Describe),
    };

    private static readonly JsonSerializerOptions Compact = new(WritingOptions) { WriteIndented = false };

    /// <summary>The JSON text of a specification.</summary>
    public static string Write<TSpec>(TSpec spec, bool indented = true) => JsonSerializer.Serialize(spec, indented ? WritingOptions : Compact);

    /// <summary>Reads a model specification.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="InvalidInputException">The text is no valid specification.</exception>
    public static ModelSpec ReadModel(string json, string source)
    {
        var model = Read<ModelSpec>(json, source);
        Check(() => model.Shapes(), source);
        return model;
    }

    /// <summary>Reads and validates a run specification.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="InvalidInputException">The text is no valid specification.</exception>
    public static RunSpec ReadRun(string json, string source)
    {
        var run = Read<RunSpec>(json, source);
        Check(run.Validate, source);
        return run;
    }

    /// <summary>Reads any document by the same rules.</summary>
    /// <exception cref="InvalidInputException">The text is no such document.</exception>
    internal static TSpec Read<TSpec>(string json, string source)
    {
        try
        {
            return JsonSerializer.Deserialize<TSpec>(json, Options) ?? throw new InvalidInputException($"{source}: the file says null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            var place = e is JsonException { LineNumber: { } line } ? $", line {line + 1}" : "";
            throw new InvalidInputException($"{source}{place}: {WithoutTypes(e.Message)}", e);
        }
    }

    private static void Check(Action validate, string source)
    {
        try
        {
            validate();
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"{source}: {e.Message}", e);
        }
    }

    /// <summary>
    /// The serializer's message in the user's terms: the place in the text stays, the names of our types go. The middle of a long one goes too: it quotes
    /// names from the text, which may be as long as that, and what looks for type names would take hours over them.
    /// </summary>
    public static string WithoutTypes(string message) =>
        TypeName().Replace(LineAndByte().Replace(message.Length <= 2 * LongestPart ? message : $"{message[..LongestPart]}…{message[^LongestPart..]}", "$1."), "")
            .Replace("could not be mapped to any .NET member", "is unknown", StringComparison.Ordinal)
            .Replace(" Consider updating its nullability annotation.", "", StringComparison.Ordinal);

    [GeneratedRegex(@"( Path: [^|]*[^| ]) \| LineNumber: .*$", RegexOptions.Singleline)]
    private static partial Regex LineAndByte();

    [GeneratedRegex(@"( contained in| on| for)?( polymorphic interface or abstract)? type '[^']*'| to (System|DistTrain)\.[\w.`+\[\],]*(?=\.)")]
    private static partial Regex TypeName();
}
