using System.Text;
using DistTrain.Cli.Options;
using DistTrain.Core;

namespace DistTrain.Cli.Tests.Options;

public sealed class ConfigFileTests
{
    [Theory]
    [InlineData("", 1, "the file is empty")]
    [InlineData("{", 1, "has been cut off")]
    [InlineData("{\n  \"batchSize\": ", 2, "has been cut off")]
    [InlineData("{\n  \"batchSize\": 1", 2, "has been cut off")]
    [InlineData("{\n  \"seed\": 1,\n  \"model\": { \"name\": \"x\",\n \"la", 4, "has been cut off")]
    [InlineData("[1]", 1, "must be an object")]
    [InlineData("{\n  \"batchSize\": 10\n  \"seed\": 1\n}", 3, "")]
    [InlineData("{\n  \"batchsize\": 10\n}", 2, "Did you mean 'batchSize'?")]
    [InlineData("{\n  \"seed\": 1,\n  \"seed\": 2\n}", 3, "twice")]
    [InlineData("{\n\n  \"model\": {\n    \"name\": \"x\",\n    \"inputs\": [1]\n  }\n}", 5, "inputs")]
    [InlineData("{\n  \"optimizer\": {\n    \"name\": \"sgd\"\n  }\n}", 4, "learningRate")]
    [InlineData("{\n  \"model\": { \"name\": \"x\", \"input\": [1], \"layers\": [\n    { \"type\": \"conv\" } ] }\n}", 3, "conv")]
    [InlineData("{ \"hidden\": [[1]] }", 1, "list of plain values")]
    [InlineData("{ \"seed\": { } }", 1, "cannot be an object")]
    [InlineData("{ \"numericsRevision\": \"x\" }", 1, "whole number")]
    [InlineData("{ } x", 1, "")]
    [InlineData("{\n  \"shards\": 4,\n  \"shardCount\": 5\n}", 3, "twice")]
    [InlineData("{ \"numericsRevision\": 1, \"numericsRevision\": 1 }", 1, "twice")]
    [InlineData("{\n  \"model\": \"\\ud800\"\n}", 2, "")]
    [InlineData("{\n  \"model\": { \"name\": \"\\ud800\", \"input\": [1] }\n}", 2, "")]
    [InlineData("{\n  \"model\": { \"name\": \"x\" }\n}", 2, "'input', 'layers'")]
    public void Parse_Malformed_NamesFileLineAndReason(string json, int line, string reason)
    {
        var e = Assert.Throws<InvalidInputException>(() => ConfigFile.Parse(Encoding.UTF8.GetBytes(json), "a/config.json"));

        Assert.StartsWith($"a/config.json (line {line}): ", e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("DistTrain.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n  \"model\": \"?\"\n}")]
    [InlineData("{\n  \"?\": 1\n}")]
    public void Parse_BytesThatAreNoUtf8_NamesFileAndLine(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        bytes[bytes.IndexOf((byte)'?')] = 0xff;

        var e = Assert.Throws<InvalidInputException>(() => ConfigFile.Parse(bytes, "a/config.json"));

        Assert.StartsWith("a/config.json (line 2): ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WithByteOrderMark_IsAccepted() =>
        Assert.Equal("5", ConfigFile.Parse([.. Encoding.UTF8.Preamble, .. "{\"epochs\":5}"u8], "x").Values["epochs"].Text);

    [Fact]
    public void Settings_OfEveryVerb_HaveDistinctNamesAndHelp()
    {
        foreach (var verb in DistTrainCommand.Verbs)
        {
            Assert.Equal(verb.Settings.Count, verb.Settings.Select(setting => setting.Name).Distinct().Count());
            Assert.All(verb.Settings, setting => Assert.Equal("DISTTRAIN_" + setting.Name[2..].ToUpperInvariant().Replace('-', '_'), setting.Variable));
            Assert.All(verb.Settings, setting => Assert.EndsWith(".", setting.Help, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("momentun", "momentum")]
    [InlineData("Adam", "adam")]
    [InlineData("rms", "rmsprop")]
    [InlineData("lion", null)]
    public void NearestName_OfAMistypedName_IsTheOneMeant(string given, string? expected) =>
        Assert.Equal(expected, NearestName.Find(given, Core.Optimizers.OptimizerSpec.Names));
}
