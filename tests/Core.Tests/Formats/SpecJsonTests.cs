using System.Text.Json;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Formats;

public sealed class SpecJsonTests
{
    private static readonly RunSpec Run = new(
        ModelCatalog.MultiLayer("multi-layer", [33, 17], new SigmoidSpec(), InitializerKind.Xavier),
        new DatasetSpec("mnist", new string('a', 64), 60_000, 10_000, 784, 10),
        new OptimizerSpec("adam", 0.001, Beta2: 0.99),
        BatchSize: 97,
        ShardCount: 5,
        Seed: ulong.MaxValue,
        Epochs: 3,
        Steps: null);

    [Fact]
    public void Run_WrittenAndRead_IsTheSameToTheLastDigit()
    {
        foreach (var indented in new[] { true, false })
        {
            var text = SpecJson.Write(Run, indented);
            var read = SpecJson.ReadRun(text, "run.json");
            Assert.Equal(Run.Optimizer, read.Optimizer);
            Assert.Equal(Run.Model.Layers, read.Model.Layers);
            Assert.Equal(text, SpecJson.Write(read, indented));
        }
    }

    [Fact]
    public void Run_LearningWithEverything_IsTheSameAfterARoundTripAndAbsentIfNotAskedFor()
    {
        var optimizer = new OptimizerSpec("lamb", 0.001, WeightDecay: 0.1, L1: 1e-5, ClipNorm: 0.5, Schedule: new ScheduleSpec(ScheduleKind.Step, 3, 4, 0.5));
        var text = SpecJson.Write(Run with { Optimizer = optimizer }, indented: false);
        Assert.Equal(optimizer, SpecJson.ReadRun(text, "run.json").Optimizer);
        Assert.Contains(
            """{"name":"lamb","learningRate":0.001,"weightDecay":0.1,"l1":1E-05,"clipNorm":0.5,"schedule":{"kind":"step","warmupSteps":3,"decaySteps":4,"gamma":0.5}}""",
            text, StringComparison.Ordinal);
        // Names, and so the hash of a specification, of runs that began before these existed.
        Assert.Contains("""{"name":"adam","learningRate":0.001,"beta2":0.99}""", SpecJson.Write(Run, indented: false), StringComparison.Ordinal);
        Assert.Throws<InvalidInputException>(() => SpecJson.ReadRun(text.Replace("\"step\"", "\"stairs\"", StringComparison.Ordinal), "run.json"));
    }

    [Fact]
    public void Model_EveryCatalogueEntryAndLayer_IsTheSameAfterARoundTrip()
    {
        var everything = new ModelSpec(
            "all",
            [2, 3],
            [new AffineSpec(4, InitializerKind.Gaussian, 0.02f), new ReluSpec(), new SigmoidSpec(), new TanhSpec()],
            new MeanSquaredErrorSpec());
        foreach (var model in ModelCatalog.Names.Select(ModelCatalog.Get).Append(everything))
        {
            var read = SpecJson.ReadModel(SpecJson.Write(model), "model.json");
            Assert.Equal(SpecJson.Write(model), SpecJson.Write(read));
            Assert.Equal((model.Name, model.Loss), (read.Name, read.Loss));
            Assert.Equal(model.Input, read.Input);
        }
    }

    /// <summary>What is generated for writing and what reflection says may not drift apart: the text names runs, and is hashed.</summary>
    [Fact]
    public void Write_EveryLayerAndOption_IsTheTextThatReflectionWrites()
    {
        LayerSpec[] layers =
        [
            new LeakyReluSpec(0.1f), new GeluSpec(), new IdentitySpec(), new StepSpec(), new ConvolutionSpec(4, 3, Stride: 2, Padding: 1), new MaxPoolingSpec(2),
            new AveragePoolingSpec(3, Stride: 3, Padding: 1), new GlobalAveragePoolingSpec(), new FlattenSpec(), new SoftmaxSpec(),
            new BatchNormalizationSpec(PerPixel: true), new LocalResponseNormalizationSpec(), new DropoutSpec(0.1f, ScaleAtInference: true),
        ];
        ModelSpec[] models =
        [
            .. ModelCatalog.Names.Select(ModelCatalog.Get),
            new ModelSpec("m", [3], layers, new SoftmaxCrossEntropySpec(LabelSmoothing: 0.1f), new NormalizationSpec([0.1f], [0.3f])),
            new ModelSpec("m", [3], layers, new MeanSquaredErrorSpec()),
        ];
        foreach (var model in models)
        {
            var run = Run with
            {
                Model = model,
                Optimizer = new OptimizerSpec("lamb", 0.001, WeightDecay: 0.1, L1: 1e-5, ClipNorm: 0.5, Schedule: new ScheduleSpec(ScheduleKind.Step, 3, 4, 0.5)),
                Augmentation = new AugmentationSpec(Shift: 2, RotationDegrees: 10, HorizontalFlip: true),
                EvaluateEvery = 5,
            };
            Assert.Equal(JsonSerializer.Serialize(run, SpecJson.Options), SpecJson.Write(run));
        }
    }

    [Fact]
    public void Write_Model_UsesTheDocumentedNames() => Assert.Equal(
        """{"name":"m","input":[3],"layers":[{"type":"affine","units":2,"initializer":"gaussian","standardDeviation":0.02},{"type":"relu"}],"loss":"softmax-cross-entropy"}""",
        SpecJson.Write(new ModelSpec("m", [3], [new AffineSpec(2, InitializerKind.Gaussian, 0.02f), new ReluSpec()]), indented: false));

    [Fact]
    public void ReadModel_OptionalMembersLeftOut_TakesTheDefaults()
    {
        var model = SpecJson.ReadModel("""{"name":"m","input":[3],"layers":[{"type":"affine","units":2}], /* any */}""", "m.json");
        Assert.Equal([new AffineSpec(2, InitializerKind.He)], model.Layers);
        Assert.Equal(new SoftmaxCrossEntropySpec(), model.Loss);
    }

    [Theory]
    [InlineData("", "m.json")]
    [InlineData("null", "says null")]
    [InlineData("[]", "line 1")]
    [InlineData("{\"name\":\"m\",\n\"input\":[3],\n\"layers\":[{\"type\":\"relu\"}],\n\"los\":1}", "line 4")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"relu"}],"loss":{"type":"mean-squared-error","type":"mean-squared-error"}}""", "m.json, line 1: A member of the loss is there twice")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"relu"}],"loss":{"type":"softmax-cross-entropy","labelSmoothing":0,"labelSmoothing":0}}""", "m.json, line 1: A member of the loss is there twice")]
    [InlineData("""{"name":"m","input":[3]}""", "layers")]
    [InlineData("""{"name":"m","input":[3],"layers":null}""", "m.json")]
    [InlineData("""{"name":null,"input":[3],"layers":[{"type":"relu"}]}""", "m.json")]
    [InlineData("""{"name":"m","input":[3],"layers":[null]}""", "layer 0")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"conv"}]}""", "conv")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"units":3}]}""", "m.json")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"affine"}]}""", "units")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"affine","units":0}]}""", "layer 0 (affine), whose input is (3,): units is 0")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"affine","units":"2"}]}""", "m.json")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"affine","units":2,"initializer":"lecun"}]}""", "m.json")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"affine","units":2,"initializer":0}]}""", "m.json")]
    [InlineData("""{"name":"m","input":[3],"layers":[{"type":"relu","units":2}]}""", "units")]
    [InlineData("""{"name":"m","input":[3000000000],"layers":[{"type":"relu"}]}""", "m.json")]
    [InlineData("""{"name":"m","name":"n","input":[3],"layers":[{"type":"relu"}]}""", "m.json")]
    public void ReadModel_WrongText_IsRefusedNamingTheFileAndThePlace(string json, string expected)
    {
        var refusal = Assert.Throws<InvalidInputException>(() => SpecJson.ReadModel(json, "m.json"));
        Assert.Contains("m.json", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("DistTrain.", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadRun_WellFormedButImpossible_IsRefusedNamingTheFile()
    {
        var refusal = Assert.Throws<InvalidInputException>(() => SpecJson.ReadRun(SpecJson.Write(Run with { BatchSize = 0 }), "run.json"));
        Assert.StartsWith("run.json: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("batch size is 0", refusal.Message, StringComparison.Ordinal);
    }
}
