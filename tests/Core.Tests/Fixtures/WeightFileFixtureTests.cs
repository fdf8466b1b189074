using System.Text.Json;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>Weight files that NumPy and PyTorch wrote: tests/fixtures/record_inspect.py.</summary>
public sealed class WeightFileFixtureTests
{
    private const double Tolerance = 1e-6;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    private static readonly Fixtures Recorded = JsonSerializer.Deserialize<Fixtures>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch-inspect.json")), Options)!;

    public static TheoryData<string> Names => [.. Recorded.Files.Select(file => file.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void ReadInto_FileOfNumPys_GivesItsNumbersExactly(string name)
    {
        var file = Recorded.Files.Single(file => file.Name == name);
        var layout = new ParameterLayout(Recorded.Shapes.Select(tensor => (tensor.Key, new Shape(tensor.Value))));
        var values = new float[layout.Length];

        var report = WeightFile.ReadInto(new MemoryStream(file.File), name, layout, values);

        Assert.Equal(file.Values ?? (file.Half ? Recorded.Halves : Recorded.Values), values);
        Assert.Equal(file.Rounded, report.Rounded.Sum(tensor => tensor.Values));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Evaluate_NetworkTrainedByPyTorch_HasItsLossAndAccuracy(bool npz)
    {
        var network = Recorded.Network;
        var model = SpecJson.ReadModel(network.Model.GetRawText(), "model");
        var images = new LabeledImages(network.Pixels, network.Labels, height: 8, width: 8, channels: 1, classCount: 10);
        using var parameters = new ParameterSet(model.ParameterLayout());

        var report = WeightFile.ReadInto(new MemoryStream(npz ? network.Npz : network.SafeTensors), "state", parameters.Layout, parameters.Values);
        var evaluation = Evaluator.Run(model, parameters, images, shardCount: 2);

        Assert.Equal(["1.num_batches_tracked"], report.Ignored);
        Assert.Equal(network.Loss, evaluation.Loss, Tolerance);
        Assert.Equal(network.Accuracy, evaluation.Accuracy);
    }

    internal sealed record Fixtures(
        IReadOnlyDictionary<string, int[]> Shapes, float[] Values, float[] Halves, IReadOnlyList<RecordedFile> Files, RecordedNetwork Network);

    internal sealed record RecordedFile(string Name, byte[] File, long Rounded, bool Half = false, float[]? Values = null);

    internal sealed record RecordedNetwork(JsonElement Model, byte[] Pixels, byte[] Labels, byte[] Npz, byte[] SafeTensors, double Loss, double Accuracy);
}
