using System.Text.Json;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>Our convolution and pooling against PyTorch's, as tests/fixtures/record_conv.py wrote them down; tolerances as in <see cref="PyTorchTests"/>.</summary>
public sealed unsafe class PyTorchConvolutionTests
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
    };

    private static readonly Fixtures Recorded = JsonSerializer.Deserialize<Fixtures>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch-conv.json")), Options)!;

    [Fact]
    public void Convolution_ForwardAndBackward_AreConv2ds()
    {
        Assert.Equal(9, Recorded.Convolutions.Length);
        foreach (var fixture in Recorded.Convolutions)
        {
            var spec = new ConvolutionSpec(fixture.Filters, fixture.Kernel, fixture.Stride, fixture.Padding, Bias: fixture.Bias is not null);
            var weights = fixture.Weight.Length;
            var expected = new LayerCase(
                fixture.Rows, fixture.Shape, fixture.OutputShape, fixture.Input, fixture.OutputGradient, fixture.Output, fixture.InputGradient);
            var gradient = Check(spec, expected, [.. fixture.Weight, .. fixture.Bias ?? []]);
            AssertClose(fixture.WeightGradient, gradient.AsSpan(0, weights), $"{spec}, weight gradient");
            AssertClose(fixture.BiasGradient ?? [], gradient.AsSpan(weights), $"{spec}, bias gradient");
        }
    }

    [Fact]
    public void Pooling_ForwardAndBackward_AreMaxPool2dsAndAvgPool2ds()
    {
        Assert.Equal(12, Recorded.Poolings.Length);
        foreach (var fixture in Recorded.Poolings)
        {
            LayerSpec spec = fixture.Kind == "max"
                ? new MaxPoolingSpec(fixture.Size, fixture.Stride, fixture.Padding)
                : new AveragePoolingSpec(fixture.Size, fixture.Stride, fixture.Padding);
            Check(
                spec,
                new(fixture.Rows, fixture.Shape, fixture.OutputShape, fixture.Input, fixture.OutputGradient, fixture.Output, fixture.InputGradient),
                []);
        }
    }

    [Fact]
    public void GlobalAveragePooling_ForwardAndBackward_AreAdaptiveAvgPool2ds()
    {
        Assert.Equal(2, Recorded.GlobalAverages.Length);
        foreach (var fixture in Recorded.GlobalAverages)
        {
            Check(new GlobalAveragePoolingSpec(), fixture, []);
        }
    }

    /// <summary>Output and input gradient are the recorded ones; returns the parameters' gradient.</summary>
    private static float[] Check(LayerSpec spec, LayerCase expected, float[] parameterValues)
    {
        var input = new Shape(expected.Shape);
        Assert.Equal(new Shape(expected.OutputShape), spec.OutputShape(input));
        var offsets = new List<int> { 0 };
        foreach (var (_, shape) in spec.Parameters(input))
        {
            offsets.Add(offsets[^1] + shape.Size);
        }

        Assert.Equal(parameterValues.Length, offsets[^1]);
        using var layer = spec.Build(VectorKernels.Best, input, new LayerPlace(0, offsets.ToArray().AsSpan()[..^1], []));
        using var parameters = GuardedBuffer.Of(parameterValues);
        layer.UseParameters(parameters.Pointer);
        using var inputMemory = GuardedBuffer.OfRows(expected.Input, expected.Rows, input.Size, out var x);
        using var gradientMemory = GuardedBuffer.OfRows(expected.OutputGradient, expected.Rows, layer.OutputShape.Size, out var dy);
        using var parameterGradient = new GuardedBuffer(parameterValues.Length);
        var buffer = parameterGradient.Pointer;
        var plan = new FoldPlan(1, new ShardRange(0, 1), expected.Rows);
        var output = Flat(layer.Forward(x, ForwardPass.Training(plan, seed: 1, step: 0)));
        var inputGradient = Flat(layer.Backward(dy, new GradientFold<float>(plan, &buffer), inputGradientWanted: true));
        parameterGradient.AssertUntouchedOutside();
        AssertClose(expected.Output, output, $"{spec}, output");
        AssertClose(expected.InputGradient, inputGradient, $"{spec}, input gradient");
        return parameterGradient.Values.ToArray();
    }

    private static float[] Flat(Matrix<float> matrix)
    {
        var values = new List<float>();
        for (var row = 0; row < matrix.Rows; row++)
        {
            values.AddRange(matrix.Row(row));
        }

        return [.. values];
    }

    /// <summary>Each within a millionth of the largest magnitude among the expected, or of 1.</summary>
    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        var scale = 1f;
        foreach (var value in expected)
        {
            scale = MathF.Max(scale, MathF.Abs(value));
        }

        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= scale * 1e-6f, $"{what}: element {i} is {actual[i]:R}, PyTorch's {expected[i]:R}.");
        }
    }

    private sealed record Fixtures(string RecordedWith, ConvolutionCase[] Convolutions, PoolingCase[] Poolings, LayerCase[] GlobalAverages);

    private sealed record LayerCase(
        int Rows, int[] Shape, int[] OutputShape, float[] Input, float[] OutputGradient, float[] Output, float[] InputGradient);

    private sealed record PoolingCase(
        string Kind,
        int Size,
        int Stride,
        int Padding,
        int Rows,
        int[] Shape,
        int[] OutputShape,
        float[] Input,
        float[] OutputGradient,
        float[] Output,
        float[] InputGradient);

    private sealed record ConvolutionCase(
        int Filters,
        int Kernel,
        int Stride,
        int Padding,
        int Rows,
        int[] Shape,
        int[] OutputShape,
        float[] Input,
        float[] OutputGradient,
        float[] Output,
        float[] InputGradient,
        float[] Weight,
        float[] WeightGradient,
        float[]? Bias,
        float[]? BiasGradient);
}
