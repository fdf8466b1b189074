using System.Text.Json;
using DistTrain.Core.Formats;
using DistTrain.Core.Optimizers;

namespace DistTrain.Core.Tests.Fixtures;

/// <summary>Optimizers, clipping and schedules as tests/fixtures/record_optim.py wrote them down.</summary>
internal sealed record LearningFixtures(string RecordedWith, LearningFixtures.OptimizerCase[] Optimizers, LearningFixtures.ScheduleCase[] Schedules)
{
    public static LearningFixtures Recorded { get; } = JsonSerializer.Deserialize<LearningFixtures>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "fixtures", "pytorch-optim.json")), SpecJson.Options)!;

    public sealed record OptimizerCase(
        string Name,
        double LearningRate,
        int[][] Shapes,
        float[] Initial,
        float[][] Gradients,
        float[][] After,
        double? Beta1 = null,
        double? Beta2 = null,
        double? Epsilon = null,
        double? WeightDecay = null,
        double? L1 = null,
        double? ClipNorm = null)
    {
        public OptimizerSpec Spec => new(
            Name, LearningRate, Beta1: Beta1, Beta2: Beta2, Epsilon: Epsilon, WeightDecay: WeightDecay, L1: L1, ClipNorm: ClipNorm);
    }

    public sealed record ScheduleCase(
        ScheduleKind Kind,
        double LearningRate,
        long TotalSteps,
        double[] Rates,
        long? WarmupSteps = null,
        long? DecaySteps = null,
        double? Gamma = null,
        double? MinimumLearningRate = null)
    {
        public ScheduleSpec Spec => new(Kind, WarmupSteps, DecaySteps, Gamma, MinimumLearningRate);
    }
}
