using System.Text.Json;
using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>
/// Layers given as their JSON against PyTorch's: output, gradients, running statistics and evaluation, as tests/fixtures/record_layers.py wrote them
/// down. At one shard, where ghost batch normalisation is PyTorch's.
/// </summary>
public sealed unsafe class LayerFixtureTests
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    private static readonly Fixtures Recorded = JsonSerializer.Deserialize<Fixtures>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch-layers.json")), Options)!;

    public static TheoryData<string> Names => [.. Recorded.Layers.Select(layer => layer.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Layer_TrainingAndEvaluation_ArePyTorchs(string name)
    {
        var fixture = Recorded.Layers.Single(layer => layer.Name == name);
        var chain = new LayerChain([SpecJson.Read<LayerSpec>(fixture.Spec.GetRawText(), name)], new Shape(fixture.Shape));
        var layout = new ParameterLayout(chain.Parameters(), chain.Buffers());
        using var tensors = new ParameterSet(layout);
        using var gradient = new ParameterSet(layout);
        foreach (var slot in layout.Slots)
        {
            fixture.Tensors[slot.Name[2..]].CopyTo(tensors.View(slot));
        }

        using var layers = chain.Build(
            VectorKernels.Best,
            new LayerPlace(0, [.. layout.ParameterSlots.Select(slot => slot.Offset)], [.. layout.Buffers.Select(buffer => buffer.Slot.Offset)]));
        layers.UseParameters(tensors.Pointer);
        using var inputMemory = GuardedBuffer.OfRows(fixture.Input, fixture.Rows, chain.Shapes[0].Size, out var x);
        using var gradientMemory = GuardedBuffer.OfRows(fixture.OutputGradient, fixture.Rows, chain.Output.Size, out var dy);
        var plan = new FoldPlan(1, new ShardRange(0, 1), fixture.Rows);
        var buffer = gradient.Pointer;

        AssertClose(fixture.Output, layers.Forward(x, ForwardPass.Training(plan, seed: 1, step: 0)), name);
        AssertClose(fixture.InputGradient, layers.Backward(dy, new GradientFold<float>(plan, &buffer), inputGradientWanted: true), name);
        foreach (var slot in layout.ParameterSlots)
        {
            AssertClose(fixture.Gradients[slot.Name[2..]], gradient.View(slot), $"{name}, {slot.Name}");
        }

        foreach (var (slot, momentum) in layout.Buffers)
        {
            VectorKernels.Best.Update(
                new BufferUpdate<float>(momentum, 1f / fixture.Rows), tensors.Pointer + slot.Offset, gradient.Pointer + slot.Offset, null, null, slot.Length);
            AssertClose(fixture.After[slot.Name[2..]], tensors.View(slot), $"{name}, {slot.Name}");
        }

        layers.UseParameters(tensors.Pointer);
        AssertClose(fixture.Evaluation, layers.Forward(x, ForwardPass.Evaluation), $"{name}, evaluation");
    }

    [Fact]
    public void SoftmaxWithLoss_LabelSmoothing_IsPyTorchsInTrainingAndAbsentInAnEvaluation()
    {
        Assert.Equal(3, Recorded.Losses.Length);
        foreach (var fixture in Recorded.Losses)
        {
            using var loss = new SoftmaxCrossEntropySpec(fixture.LabelSmoothing).Build(VectorKernels.Best, fixture.Classes);
            using var plain = new SoftmaxCrossEntropySpec().Build(VectorKernels.Best, fixture.Classes);
            using var scores = GuardedBuffer.OfRows(fixture.Scores, fixture.Rows, fixture.Classes, out var rows);
            byte[] labels = [.. fixture.Labels.Select(label => (byte)label)];

            AssertClose(fixture.Gradient, loss.Forward(rows, labels, isTraining: true), "gradient");
            AssertClose(fixture.Losses, new ReadOnlySpan<float>(loss.Losses.Data, fixture.Rows), "losses");
            plain.Forward(rows, labels, isTraining: true);
            loss.Forward(rows, labels, isTraining: false);
            Floats.AssertSameBits(
                new ReadOnlySpan<float>(plain.Losses.Data, fixture.Rows), new ReadOnlySpan<float>(loss.Losses.Data, fixture.Rows), "evaluation");
        }
    }

    private static void AssertClose(float[] expected, Matrix<float> actual, string what)
    {
        var values = new List<float>();
        for (var row = 0; row < actual.Rows; row++)
        {
            values.AddRange(actual.Row(row));
        }

        AssertClose(expected, values.ToArray(), what);
    }

    /// <summary>Each within 2e-6 of the largest magnitude among the expected, or of 1.</summary>
    private static void AssertClose(float[] expected, ReadOnlySpan<float> actual, string what)
    {
        var tolerance = 2e-6f * expected.Max(value => MathF.Max(1, MathF.Abs(value)));
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= tolerance, $"{what}: element {i} is {actual[i]:R}, PyTorch's {expected[i]:R}.");
        }
    }

    private sealed record Fixtures(string Torch, LayerCase[] Layers, LossCase[] Losses);

    private sealed record LayerCase(
        string Name,
        JsonElement Spec,
        int[] Shape,
        int Rows,
        Dictionary<string, float[]> Tensors,
        float[] Input,
        float[] OutputGradient,
        float[] Output,
        float[] InputGradient,
        Dictionary<string, float[]> Gradients,
        Dictionary<string, float[]> After,
        float[] Evaluation);

    private sealed record LossCase(float LabelSmoothing, int Rows, int Classes, float[] Scores, int[] Labels, float[] Losses, float[] Gradient);
}
