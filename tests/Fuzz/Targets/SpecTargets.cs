using System.Text;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Fuzz.Targets;

/// <summary>Specifications as JSON. What is accepted can be written, and comes back the same.</summary>
internal static class SpecTargets
{
    /// <summary>Words of specifications, and what JSON readers stumble over.</summary>
    public static readonly string[] Words =
    [
        "null", "1e999", "-1", "0", "2147483647", "2147483648", "9223372036854775807", "1e-400", "0.5", "true", "\"\\ud800\"", "{}", "[]", "[null]", "\"type\":",
        "\"name\":", "\"input\":", "\"layers\":", "\"units\":", "\"weight\":[", "\"bias\":", "\"loss\":", "\"normalization\":", "\"mean\":", "\"standardDeviation\":", "\"main\":", "\"shortcut\":", "\"branches\":[[",
        "\"filters\":", "\"kernel\":", "\"stride\":", "\"padding\":", "\"size\":", "\"shape\":", "\"elements\":", "\"holdout\":", "\"fraction\":", "\"schedule\":", "\"kind\":", "\"decaySteps\":", "\"warmupSteps\":", "\"gamma\":",
        "\"minimumLearningRate\":", "\"augmentation\":", "\"evaluateEvery\":", "\"epochs\":", "\"steps\":", "\"labelSmoothing\":", "\"momentum\":", "\"initializer\":", "\"perPixel\":",
        .. SpecCatalog.LayerNames.Concat(SpecCatalog.LossNames).Select(name => $"\"{name}\""),
    ];

    public static FuzzTarget Model { get; } = new("model", "a model's JSON", [typeof(InvalidInputException)], TakeModel, ModelSeeds, Words);

    public static FuzzTarget Run { get; } = new("run", "a run's JSON", [typeof(InvalidInputException)], TakeRun, RunSeeds, Words);

    private static string? TakeModel(byte[] input)
    {
        var model = SpecJson.ReadModel(Encoding.UTF8.GetString(input), "input");
        Look(model);
        var written = SpecJson.Write(model);
        BrokenPromiseException.Unless(SpecJson.Write(SpecJson.ReadModel(written, "its own text")) == written, "a model does not come back from its text");
        return null;
    }

    private static string? TakeRun(byte[] input)
    {
        var run = SpecJson.ReadRun(Encoding.UTF8.GetString(input), "input");
        Look(run.Model);
        _ = run.Warnings().Count();
        _ = (run.EvaluationIsDue(1), run.EvaluationShardCount, run.StepsPerEpoch);
        _ = run.Optimizer.LearningRateAt(run.TotalSteps - 1, run.TotalSteps);
        var last = Sampler.Batch(run.TotalSteps - 1, run.Dataset.TrainCount, run.BatchSize);
        BrokenPromiseException.Unless(last.Count >= 1, "the last step of a run has no sample");
        var written = SpecJson.Write(run);
        var again = SpecJson.ReadRun(written, "its own text");
        BrokenPromiseException.Unless(SpecJson.Write(again) == written, "a run does not come back from its text");
        BrokenPromiseException.Unless(RunSpecRules.CanContinue(run, again, 0, out _), "a run cannot go on as itself");
        return null;
    }

    /// <summary>What every reader of a model asks of it before memory is taken.</summary>
    private static void Look(ModelSpec model)
    {
        var layout = model.ParameterLayout();
        BrokenPromiseException.Unless(layout.Length >= 1, "a model without parameters was accepted");
        _ = (model.Chain().MultiplyAdds, model.Chain().LayerCount, model.Chain().SmallestStatisticSize);
    }

    private static IEnumerable<Seed> ModelSeeds()
    {
        yield return Text("small", SpecJson.Write(SmallRun.Model));
        yield return Text("layers", SpecJson.Write(new ModelSpec(
            "layers", [1, 8, 8],
            [
                new ConvolutionSpec(2, 3, Padding: 1, Bias: false), new BatchNormalizationSpec(PerPixel: true), new LeakyReluSpec(), new LocalResponseNormalizationSpec(3), new MaxPoolingSpec(2),
                new ResidualSpec([new ConvolutionSpec(2, 3, Padding: 1), new GeluSpec()]),
                new ParallelSpec([[new ConvolutionSpec(1, 1)], [new AveragePoolingSpec(3, 1, 1), new TanhSpec()], []]),
                new GlobalAveragePoolingSpec(), new FlattenSpec(), new DropoutSpec(), new AffineSpec(2, InitializerKind.Gaussian, 0.1f), new SoftmaxSpec(),
            ],
            new MeanSquaredErrorSpec(), new NormalizationSpec([0.5f], [0.25f])), indented: false));
        yield return Text("weights", """{"name":"w","input":[2],"layers":[{"type":"affine","units":1,"weight":[1,-2.5],"bias":[0]},{"type":"step"}],"loss":{"type":"softmax-cross-entropy","labelSmoothing":0.1}}""");
        yield return Text("member-twice", """{"name":"w","input":[2],"layers":[{"type":"affine","units":1}],"loss":{"type":"mean-squared-error","type":"mean-squared-error"}}""");
        yield return Text("no-layer", """{"name":"n","input":[2],"layers":[null]}""");
        yield return Text("infinite-weight", """{"name":"w","input":[1],"layers":[{"type":"affine","units":1,"weight":[1e999]}]}""");
        yield return Text("huge", """{"name":"h","input":[2147483647],"layers":[{"type":"affine","units":2147483647}]}""");
        yield return Text("huge-convolution", """{"name":"h","input":[1,46340,46340],"layers":[{"type":"convolution","filters":2147483647,"kernel":1,"padding":65536}]}""");
        yield return Text("deep", string.Concat(Enumerable.Repeat("""{"type":"residual","main":[""", 40)));
        yield return Text("deep-blocks", """{"name":"d","input":[2],"layers":[""" + string.Concat(Enumerable.Repeat("""{"type":"residual","main":[""", 17))
            + """{"type":"affine","units":2}""" + string.Concat(Enumerable.Repeat("]}", 17)) + "]}");
        yield return Text("cut-off", SpecJson.Write(SmallRun.Model)[..100]);
        yield return Text("null", "null");
    }

    private static IEnumerable<Seed> RunSeeds()
    {
        var spec = SmallRun.Spec;
        yield return Text("small", SpecJson.Write(spec));
        yield return Text("scheduled", SpecJson.Write(
            spec with
            {
                Optimizer = new OptimizerSpec("nesterov", 0.1, Momentum: 0.8, WeightDecay: 1e-4, ClipNorm: 1, Schedule: new ScheduleSpec(ScheduleKind.Step, 2, 3, 0.5)),
                Epochs = 3,
                Steps = null,
                EvaluateEvery = 2,
                Augmentation = new AugmentationSpec(1, 10, true),
                Dataset = spec.Dataset with { Holdout = new HoldoutSpec(0.25, 1) },
            },
            indented: false));
        yield return Text("cosine", SpecJson.Write(spec with { Optimizer = new OptimizerSpec("lamb", 0.1, Schedule: new ScheduleSpec(ScheduleKind.Cosine, 1, MinimumLearningRate: 0.01)) }, indented: false));
        yield return Text("longest", SpecJson.Write(spec with { Steps = null, Epochs = int.MaxValue }, indented: false));
        yield return Text("largest-batch", SpecJson.Write(spec with { BatchSize = int.MaxValue, ShardCount = 1 }, indented: false));
        yield return Text("no-length", SpecJson.Write(spec with { Steps = null }, indented: false));
        yield return Text("cut-off", SpecJson.Write(spec)[..200]);
    }

    private static Seed Text(string name, string text) => new(name + ".json", Encoding.UTF8.GetBytes(text));
}
