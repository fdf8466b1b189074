using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Formats;

/// <summary>docs/formats.md against the code, so that it cannot drift.</summary>
public sealed partial class FormatsPageTests
{
    private static readonly string[] Page = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "docs", "formats.md"));

    /// <summary>The table of layers: type, members, example.</summary>
    private static readonly IReadOnlyList<string[]> Layers = [.. Rows("| `type` | Members | Example |")];

    [Fact]
    public void Layers_OfTheCatalogue_AreAllThereWithTheirMembersAndDefaults()
    {
        Assert.Equal(SpecCatalog.LayerNames, Layers.Select(row => row[0].Trim('`')));
        foreach (var row in Layers)
        {
            var layer = Read(row[2]);
            Assert.Equal(row[0].Trim('`'), SpecCatalog.NameOf(layer));
            Assert.Equal(Members(layer.GetType()), row[1]);
        }
    }

    [Fact]
    public void Tensors_OfEveryLayer_AreInTheTable()
    {
        var table = Rows("| Layer | Tensor | Shape | Meaning |").GroupBy(row => row[0].Trim('`')).ToDictionary(group => group.Key, group => group.Select(row => row[1].Trim('`')).ToList());
        foreach (var layer in Layers.Select(row => Read(row[2])).Where(layer => layer is not BlockSpec))
        {
            var input = new Shape(4, 6, 6);
            List<string> tensors = [.. layer.Parameters(input).Select(tensor => tensor.Name), .. layer.Buffers(input).Select(buffer => buffer.Name)];
            Assert.Equal(tensors, table.GetValueOrDefault(SpecCatalog.NameOf(layer), []));
        }
    }

    [Fact]
    public void Model_OfThePage_IsOneWithTheNamesItTellsOf()
    {
        var begin = Array.IndexOf(Page, "<!-- checked: model -->") + 2;
        var model = SpecJson.ReadModel(string.Join('\n', Page[begin..Array.IndexOf(Page, "```", begin)]), "docs/formats.md");

        Assert.Equal(
            ["0.weight", "1.weight", "1.bias", "4.main.0.weight", "4.main.0.bias", "5.weight", "5.bias", "1.running_mean", "1.running_var"],
            model.ParameterLayout().Slots.Select(slot => slot.Name));
        Assert.Equal(model.ParameterLayout().Length, ModelSummary.Of(model) is var summary ? summary.Parameters + summary.Buffers : 0);
    }

    private static LayerSpec Read(string example) => SpecJson.Read<LayerSpec>(example.Trim('`'), "docs/formats.md");

    /// <summary><c>`units`, `initializer` = he, `weight` = none</c></summary>
    private static string Members(Type type) => string.Join(", ", type.GetConstructors()
        .Single(constructor => constructor.GetParameters() is not [{ Name: "original" }])
        .GetParameters()
        .Select(parameter => $"`{JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!)}`" + Default(parameter)));

    private static string Default(ParameterInfo parameter) => !parameter.HasDefaultValue
        ? ""
        : " = " + (parameter.DefaultValue is { } value
            ? JsonSerializer.Serialize(parameter.ParameterType.IsEnum ? Enum.ToObject(parameter.ParameterType, value) : value, SpecJson.Options).Trim('"')
            : "none");

    private static IEnumerable<string[]> Rows(string title) => Page
        .SkipWhile(line => line != title).Skip(2).TakeWhile(line => line.StartsWith('|'))
        .Select(line => Cell().Split(line.Trim('|', ' ')).Select(cell => cell.Trim()).ToArray());

    [GeneratedRegex(@"\s\|\s?")]
    private static partial Regex Cell();
}
