using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Views;

/// <summary>A model, layer by layer, as a table and as JSON.</summary>
internal static partial class ModelView
{
    private const int IndentPerLevel = 2;
    private static readonly string[] Titles = ["layer", "kind", "output", "parameters", "buffers", "multiply-adds"];

    /// <summary>A line per layer, those of a block indented below it, and totals.</summary>
    public static string Table(ModelSpec model, ModelSummary summary)
    {
        var rows = new List<string[]> { Titles };
        rows.AddRange(summary.Layers.Select(layer => new[]
        {
            new string(' ', layer.Depth * IndentPerLevel) + layer.Path,
            layer.Kind,
            layer.Output.ToString(),
            Count(layer.Parameters),
            Count(layer.Buffers),
            Count(layer.MultiplyAdds),
        }));
        rows.Add(["total", "", "", Count(summary.Parameters), Count(summary.Buffers), Count(summary.MultiplyAdds)]);
        var widths = Titles.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder().AppendLine(
            CultureInfo.InvariantCulture, $"{model.Name}: input {new Shape([.. model.Input])}, loss {SpecCatalog.NameOf(model.Loss)}");
        foreach (var row in rows)
        {
            // Texts to the left, numbers to the right.
            text.AppendLine(string.Join("  ", row.Select((cell, column) => column < 3 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
        }

        if (summary.Layers.Any(layer => layer.Depth > 0))
        {
            text.AppendLine("The line of a block is the sum of the indented ones below it.");
        }

        return text
            .Append(CultureInfo.InvariantCulture, $"{summary.Bytes:N0} bytes of parameters and buffers; multiply-adds are those of products and convolutions in one sample's forward pass")
            .ToString();
    }

    /// <summary>One object.</summary>
    public static string Json(ModelSpec model, ModelSummary summary) => JsonSerializer.Serialize(
        new ModelLine(
            "inspected",
            model.Name,
            model.Input,
            SpecCatalog.NameOf(model.Loss),
            [.. summary.Layers.Select(LayerLine.Of)],
            summary.Parameters,
            summary.Buffers,
            summary.MultiplyAdds,
            summary.Bytes),
        ModelJson.Default.ModelLine);

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A layer's part of the line.</summary>
    internal sealed record LayerLine(
        string Layer, int Depth, string Kind, int[] Input, int[] Output, long Parameters, long Buffers, long MultiplyAdds)
    {
        public static LayerLine Of(LayerSummary layer) => new(
            layer.Path, layer.Depth, layer.Kind, [.. layer.Input.Dimensions], [.. layer.Output.Dimensions], layer.Parameters, layer.Buffers, layer.MultiplyAdds);
    }

    /// <summary>The model as a line of JSON.</summary>
    internal sealed record ModelLine(
        string Event, string Model, IReadOnlyList<int> Input, string Loss, IReadOnlyList<LayerLine> Layers, long Parameters, long Buffers, long MultiplyAdds, long Bytes);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(ModelLine))]
    internal sealed partial class ModelJson : JsonSerializerContext;
}
