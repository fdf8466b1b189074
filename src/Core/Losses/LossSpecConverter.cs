using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DistTrain.Core.Models;

namespace DistTrain.Core.Losses;

/// <summary>A loss in JSON: its name, or an object whose <c>type</c> is the name and whose other members are the loss' own.</summary>
internal sealed class LossSpecConverter : JsonConverter<LossSpec>
{
    private const string TypeMember = "type";

    /// <inheritdoc/>
    public override LossSpec Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var members = new JsonObject();
        string? name;
        if (reader.TokenType == JsonTokenType.String)
        {
            name = reader.GetString();
        }
        else if (JsonNode.Parse(ref reader) is JsonObject written && TakeType(written, out var type))
        {
            (members, name) = (written, type?.GetValueKind() == JsonValueKind.String ? type.GetValue<string>() : null);
        }
        else
        {
            throw new JsonException($"A loss is its name, or an object with its name as \"{TypeMember}\". Known losses: {Known()}.");
        }

        var found = name is null ? null : SpecCatalog.FindLoss(name);
        return found is null
            ? throw new JsonException($"Unknown loss '{name}'. Known losses: {Known()}.")
            : (LossSpec)members.Deserialize(found, options)!;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, LossSpec value, JsonSerializerOptions options)
    {
        var members = JsonSerializer.SerializeToNode(value, value.GetType(), options)!.AsObject();
        if (members.Count == 0)
        {
            writer.WriteStringValue(SpecCatalog.NameOf(value));
            return;
        }

        members.Insert(0, TypeMember, SpecCatalog.NameOf(value));
        members.WriteTo(writer, options);
    }

    /// <exception cref="JsonException">A member is there twice: a node shows it as an <see cref="ArgumentException"/> at the first look into it.</exception>
    private static bool TakeType(JsonObject written, out JsonNode? type)
    {
        try
        {
            return written.Remove(TypeMember, out type);
        }
        catch (ArgumentException e)
        {
            throw new JsonException("A member of the loss is there twice.", e);
        }
    }

    private static string Known() => string.Join(", ", SpecCatalog.LossNames);
}
