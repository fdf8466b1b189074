using System.Text.Json;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>What PyTorch computes, as tests/fixtures/record_pytorch.py wrote it down.</summary>
internal sealed record PyTorchFixtures(
    string RecordedWith,
    PyTorchFixtures.LinearCase[] Linear,
    PyTorchFixtures.ActivationCase[] Activations,
    PyTorchFixtures.LossCase[] Losses,
    PyTorchFixtures.OptimizerCase[] Optimizers)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
    };

    public static PyTorchFixtures Recorded { get; } = JsonSerializer.Deserialize<PyTorchFixtures>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch.json")), Options)!;

    public sealed record LinearCase(
        int Rows,
        int Inputs,
        int Outputs,
        float[] Input,
        float[] Weight,
        float[] Bias,
        float[] OutputGradient,
        float[] Output,
        float[] InputGradient,
        float[] WeightGradient,
        float[] BiasGradient);

    public sealed record ActivationCase(string Name, float[] Input, float[] OutputGradient, float[] Output, float[] InputGradient);

    public sealed record LossCase(string Name, int Rows, int Classes, float[] Scores, int[] Labels, float[] Losses, float[] Gradient);

    public sealed record OptimizerCase(
        string Name,
        double LearningRate,
        float[] Initial,
        float[][] Gradients,
        float[][] After,
        Dictionary<string, float[]> State,
        double? Momentum = null,
        double? Alpha = null,
        double? Beta1 = null,
        double? Beta2 = null,
        double? Epsilon = null);
}
