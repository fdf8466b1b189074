using System.Text.Json;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>
/// Short runs against tests/golden-hashes.json. All other tests compare ways to compute with each other; only these notice that all of them
/// changed. A hash changes together with <see cref="RunSpec.CurrentNumericsRevision"/>, by a decision written down, or not at all.
/// </summary>
public sealed class GoldenHashTests
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web) { RespectRequiredConstructorParameters = true };

    private static readonly Golden Recorded = JsonSerializer.Deserialize<Golden>(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "golden-hashes.json")),
        Strict)!;

    private static readonly Lazy<Dataset> Digits = new(() => SyntheticDigits.Create(trainCount: 500, testCount: 20));

    /// <summary>Every catalogue entry, optimizer, activation, initializer and loss; 30 steps of the synthetic digits.</summary>
    private static readonly Dictionary<string, Func<Dataset, RunSpec>> SyntheticRuns = new()
    {
        ["two-layer"] = data => Run(data, ModelCatalog.Get("two-layer"), "momentum"),
        ["mlp-1024"] = data => Run(data, ModelCatalog.Get("mlp-1024"), "momentum", batchSize: 20),
        ["multi-layer"] = data => Run(data, ModelCatalog.Get("multi-layer"), "momentum"),
        ["sgd"] = data => Run(data, ModelCatalog.Get("two-layer"), "sgd"),
        ["nesterov"] = data => Run(data, ModelCatalog.Get("two-layer"), "nesterov"),
        ["adagrad"] = data => Run(data, ModelCatalog.Get("two-layer"), "adagrad"),
        ["rmsprop"] = data => Run(data, ModelCatalog.Get("two-layer"), "rmsprop"),
        ["adam"] = data => Run(data, ModelCatalog.Get("two-layer"), "adam"),
        ["adamw"] = data => Run(data, ModelCatalog.Get("two-layer"), "adamw"),
        ["lamb"] = data => Run(data, ModelCatalog.Get("two-layer"), "lamb"),
        ["momentum, decay, l1, clipping"] = data => With(
            Run(data, ModelCatalog.Get("two-layer"), "momentum"), optimizer => optimizer with { WeightDecay = 1e-3, L1 = 1e-4, ClipNorm = 0.5 }),
        ["adam, cosine, warm-up"] = data => With(
            Run(data, ModelCatalog.Get("two-layer"), "adam"),
            optimizer => optimizer with { Schedule = new ScheduleSpec(ScheduleKind.Cosine, WarmupSteps: 5, MinimumLearningRate: 1e-5) }),
        ["sigmoid, xavier, adam, batch 97, 5 shards"] = data =>
            Run(data, ModelCatalog.MultiLayer("m", [33, 17], new SigmoidSpec(), InitializerKind.Xavier), "adam", batchSize: 97, shardCount: 5),
        ["two-layer, shift 2, rotation 10, flip, normalised"] = data => Run(
            data, ModelCatalog.Get("two-layer") with { Normalization = new NormalizationSpec([0.1307f], [0.3081f]) }, "momentum")
            with
        { Augmentation = new AugmentationSpec(Shift: 2, RotationDegrees: 10, HorizontalFlip: true) },
        ["tanh, gaussian, mean squared error, batch 1"] = data =>
            Run(
                data,
                new ModelSpec(
                    "m",
                    [784],
                    [new AffineSpec(9, InitializerKind.Gaussian, 0.1f), new TanhSpec(), new AffineSpec(10, InitializerKind.Gaussian)],
                    new MeanSquaredErrorSpec()),
                "sgd",
                batchSize: 1),
        ["simple-convnet"] = data => Deep(data, "simple-convnet"),
        ["deep-convnet"] = data => Deep(data, "deep-convnet"),
        ["lenet-5"] = data => Deep(data, "lenet-5"),
        ["inception-small"] = data => Deep(data, "inception-small"),
        ["vgg-small"] = data => Deep(data, "vgg-small"),
        ["alexnet-28"] = data => Deep(data, "alexnet-28"),
        ["resnet-20"] = data => Deep(data, "resnet-20"),
        ["plain-20"] = data => Deep(data, "plain-20"),
        ["multi-layer --batch-norm --dropout 0.2"] = data =>
            Run(data, ModelCatalog.MultiLayer("m", [60, 50], batchNormalization: true, dropout: 0.2f), "momentum"),
        ["every other layer"] = data => Run(data, EveryOtherLayer, "momentum", batchSize: 40) with { Steps = 6 },
    };

    private static ModelSpec EveryOtherLayer => new(
        "m",
        [1, 28, 28],
        [
            new IdentitySpec(), new AveragePoolingSpec(3, Stride: 3, Padding: 1), new BatchNormalizationSpec(PerPixel: true), new LeakyReluSpec(0.1f),
            new ConvolutionSpec(5, 3, Stride: 2), new GeluSpec(), new FlattenSpec(), new DropoutSpec(0.1f, ScaleAtInference: true), new AffineSpec(10), new SoftmaxSpec(),
        ],
        new SoftmaxCrossEntropySpec(LabelSmoothing: 0.1f));

    /// <summary>What the command line trains with <c>--batch-size 100 --shards 8 --seed 7 --epochs 1</c> and the option named.</summary>
    private static readonly Dictionary<string, Func<Dataset, RunSpec>> MnistRuns = new()
    {
        ["two-layer"] = data => Mnist(data, ModelCatalog.Get("two-layer"), "momentum"),
        ["two-layer --shards 5"] = data => Mnist(data, ModelCatalog.Get("two-layer"), "momentum") with { ShardCount = 5 },
        ["two-layer --batch-size 97"] = data => Mnist(data, ModelCatalog.Get("two-layer"), "momentum") with { BatchSize = 97 },
        ["two-layer --optimizer adam"] = data => Mnist(data, ModelCatalog.Get("two-layer"), "adam"),
        ["multi-layer --activation sigmoid --initializer xavier"] = data =>
            Mnist(data, ModelCatalog.MultiLayer("multi-layer", [100, 100, 100], new SigmoidSpec(), InitializerKind.Xavier), "momentum"),
    };

    public static TheoryData<string> SyntheticNames => [.. SyntheticRuns.Keys];

    public static TheoryData<string> MnistNames => [.. MnistRuns.Keys];

    [Theory]
    [MemberData(nameof(SyntheticNames))]
    public void Run_SyntheticDigits_EndsInTheRecordedHash(string name) =>
        AssertRecorded("synthetic", Recorded.Synthetic, name, SyntheticRuns[name](Digits.Value), Digits.Value);

    [Theory]
    [MemberData(nameof(MnistNames))]
    public void Run_OneEpochOfMnist_EndsInTheRecordedHash(string name)
    {
        var data = Environment.GetEnvironmentVariable("DISTTRAIN_DATA");
        Assert.SkipWhen(string.IsNullOrEmpty(data), "needs MNIST: set DISTTRAIN_DATA to the directory above mnist/");
        var mnist = DatasetDirectory.LoadMnist(Path.Combine(data!, "mnist"));
        AssertRecorded("mnist", Recorded.Mnist, name, MnistRuns[name](mnist), mnist);
    }

    [Fact]
    public void File_Names_AreThoseOfTheRunsAndOfThisRevision()
    {
        Assert.Equal(RunSpec.CurrentNumericsRevision, Recorded.NumericsRevision);
        Assert.Equal(SyntheticRuns.Keys.Order(), Recorded.Synthetic.Keys.Order());
        Assert.Equal(MnistRuns.Keys.Order(), Recorded.Mnist.Keys.Order());
        Assert.Distinct(Recorded.Synthetic.Values.Concat(Recorded.Mnist.Values));
        // Nothing that the product can do is missing.
        var runs = SyntheticRuns.Values.Select(run => run(Digits.Value)).ToList();
        var trainable = ModelCatalog.Names.Where(name => ModelCatalog.Get(name) is var model && model.Chain().ReasonNotToTrain is null && model.Shapes()[0].Size == 784);
        Assert.Superset(trainable.ToHashSet(), runs.Select(run => run.Model.Name).ToHashSet());
        // A step layer cannot be trained.
        Assert.Superset(SpecCatalog.LayerNames.Except(["step"]).ToHashSet(), runs.SelectMany(run => LayerNames(run.Model.Layers)).ToHashSet());
        Assert.Superset(OptimizerSpec.Names.ToHashSet(), runs.Select(run => run.Optimizer.Name).ToHashSet());
        Assert.Superset(SpecCatalog.LossNames.ToHashSet(), runs.Select(run => SpecCatalog.NameOf(run.Model.Loss)).ToHashSet());
    }

    private static IEnumerable<string> LayerNames(IEnumerable<LayerSpec> layers) => layers.SelectMany(layer =>
        (layer is BlockSpec block ? LayerNames(block.Paths().SelectMany(path => path.Layers)) : []).Append(SpecCatalog.NameOf(layer)));

    /// <summary>Few steps of small batches: these networks compute a thousand times as much.</summary>
    private static RunSpec Deep(Dataset data, string model) => Run(data, ModelCatalog.Get(model), "momentum", batchSize: 24) with { Steps = 3 };

    private static RunSpec Run(Dataset data, ModelSpec model, string optimizer, int batchSize = 100, int shardCount = 8) =>
        TestData.Run(model, data, optimizer, batchSize, shardCount, steps: 30);

    private static RunSpec With(RunSpec run, Func<OptimizerSpec, OptimizerSpec> change) => run with { Optimizer = change(run.Optimizer) };

    private static RunSpec Mnist(Dataset data, ModelSpec model, string optimizer) =>
        TestData.Run(model, data, optimizer, batchSize: 100, shardCount: 8, steps: null, epochs: 1);

    private static void AssertRecorded(string section, Dictionary<string, string> recorded, string name, RunSpec spec, Dataset data)
    {
        using var state = Trainer.Run(spec, data, threads: 2, cancellation: TestContext.Current.CancellationToken);
        var actual = ParametersHash.Sha256(state.Parameters.Values);
        var expected = recorded.GetValueOrDefault(name, "missing");
        Assert.True(
            expected == actual,
            $"tests/golden-hashes.json, {section}: \"{name}\" is {expected}, but this build computes\n    \"{name}\": \"{actual}\"\n"
            + "If the change of bits is meant, raise RunSpec.CurrentNumericsRevision with a page in docs/decisions/, and record this hash.");
    }

    private sealed record Golden(int NumericsRevision, Dictionary<string, string> Synthetic, Dictionary<string, string> Mnist);
}
