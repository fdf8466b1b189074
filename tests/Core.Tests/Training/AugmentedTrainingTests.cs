using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>What a run learns from: normalised, augmented, bytes or numbers.</summary>
public sealed class AugmentedTrainingTests
{
    private static readonly Dataset Digits = SyntheticDigits.Create(trainCount: 90, testCount: 20);
    private static readonly NormalizationSpec Normalization = new([0.1307f], [0.3081f]);
    private static readonly AugmentationSpec Augmentation = new(Shift: 2, RotationDegrees: 10, HorizontalFlip: true);

    private static readonly RunSpec Spec = TestData.Run(
        ModelCatalog.MultiLayer("m", [13]) with { Normalization = Normalization }, Digits, "momentum", batchSize: 31, shardCount: 5, steps: 8) with
    { Augmentation = Augmentation };

    [Fact]
    public void Run_AnyThreadsAndKernels_EndsInTheSameBits()
    {
        var expected = Hash(Spec, Digits, threads: 1, new ReferenceKernels<float>());
        foreach (var kernels in VectorKernels.All)
        {
            Assert.All([1, 2, 3], threads => Assert.Equal(expected, Hash(Spec, Digits, threads, kernels)));
        }

        // Each of the two matters.
        var others = new[] { Spec with { Augmentation = null }, Spec with { Model = Spec.Model with { Normalization = null } }, Spec with { Seed = 8 } };
        Assert.Distinct(others.Select(spec => Hash(spec, Digits, 1)).Append(expected));
    }

    /// <summary>The partial of a shard is the same, whichever range it is computed in.</summary>
    [Fact]
    public unsafe void ComputeGradients_AnyCut_GivesTheSamePartials()
    {
        using var parameters = Spec.Model.InitialParameters(7);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var alone = new ShardComputation(Spec, VectorKernels.Best, threads: 1, pools);
        using var team = new ShardComputation(Spec, VectorKernels.Best, threads: 3, pools);
        alone.UseParameters(parameters.Pointer);
        team.UseParameters(parameters.Pointer);
        var order = Sampler.Permutation(7, 0, Digits.Train.Count);
        var batch = Sampler.Batch(step: 1, Digits.Train.Count, Spec.BatchSize);
        var single = new List<Partial>();
        for (var shard = 0; shard < Spec.ShardCount; shard++)
        {
            alone.ComputeGradients(Digits.Train, order, batch, Spec.ShardCount, new ShardRange(shard, shard + 1), single);
        }

        foreach (var cut in new[] { 1, 2, 3 })
        {
            var tree = new PartialTree(VectorKernels.Best, pools.Training);
            tree.Reset(Spec.ShardCount);
            var parts = new List<Partial>();
            team.ComputeGradients(Digits.Train, order, batch, Spec.ShardCount, new ShardRange(0, cut), parts);
            team.ComputeGradients(Digits.Train, order, batch, Spec.ShardCount, new ShardRange(cut, Spec.ShardCount), parts);
            parts.ForEach(tree.Add);
            var whole = new List<Partial>();
            alone.ComputeGradients(Digits.Train, order, batch, Spec.ShardCount, new ShardRange(0, Spec.ShardCount), whole);
            Assert.Equal(whole[0].Gradient.Span.ToArray(), tree.TakeRoot()!.Gradient.Span.ToArray());
        }

        var all = new PartialTree(VectorKernels.Best, pools.Training);
        all.Reset(Spec.ShardCount);
        single.ForEach(all.Add);
        var once = new List<Partial>();
        team.ComputeGradients(Digits.Train, order, batch, Spec.ShardCount, new ShardRange(0, Spec.ShardCount), once);
        Assert.Equal(once[0].Gradient.Span.ToArray(), all.TakeRoot()!.Gradient.Span.ToArray());
    }

    /// <summary>Training on augmented images is training on the images that the pure function gives, in the positions of the batch.</summary>
    [Fact]
    public void Run_Augmented_IsARunOverTheTransformedImages()
    {
        var step = Spec with { Steps = 1, BatchSize = 90 };
        var order = Sampler.Permutation(step.Seed, 0, 90);
        var values = new float[90 * 784];
        for (var position = 0; position < 90; position++)
        {
            var image = Digits.Train.Image(order[position]).ToArray().Select(pixel => pixel / 255f).ToArray();
            Core.Data.Augmentation.Draw(Augmentation, step.Seed, step: 0, position).Apply(image, values.AsSpan(order[position] * 784, 784), 1, 28, 28);
        }

        var transformed = new Dataset(
            "x",
            LabeledImages.FromValues(values, Digits.Train.Labels, 28, 28, 1, 10),
            LabeledImages.FromValues([.. Digits.Test.Pixels.Select(pixel => pixel / 255f)], Digits.Test.Labels, 28, 28, 1, 10));
        Assert.Equal(Hash(step, Digits, 2), Hash(step with { Augmentation = null, Dataset = DatasetSpec.Of(transformed) }, transformed, 2));
    }

    /// <summary>The test set is normalised, not augmented.</summary>
    [Fact]
    public void Evaluate_NormalisedModel_IsThePlainModelOverNormalisedNumbers()
    {
        using var parameters = Spec.Model.InitialParameters(7);
        var values = Digits.Test.Pixels.Select(pixel => ((pixel / 255f) - 0.1307f) / 0.3081f).ToArray();
        var numbers = LabeledImages.FromValues(values, Digits.Test.Labels, 28, 28, 1, 10);
        Assert.Equal(
            Evaluator.Run(Spec.Model with { Normalization = null }, parameters, numbers, shardCount: 1),
            Evaluator.Run(Spec.Model, parameters, Digits.Test, shardCount: 1, threads: 2));
    }

    [Fact]
    public void Run_PerChannelNormalisation_UsesEachChannelsOwn()
    {
        var model = TestData.Model(4, [3], 2, new ReluSpec()) with { Input = [2, 1, 2] };
        using var parameters = model.InitialParameters(7);
        var raw = LabeledImages.FromValues([1, 2, 3, 4, 5, 6, 7, 8], [0, 1], 1, 2, 2, 2);
        var normalized = LabeledImages.FromValues([0, 1, -1, -0.5f, 4, 5, 1, 1.5f], [0, 1], 1, 2, 2, 2);
        Assert.Equal(
            Evaluator.Run(model, parameters, normalized, 1),
            Evaluator.Run(model with { Normalization = new NormalizationSpec([1, 5], [1, 2]) }, parameters, raw, 1));
    }

    [Fact]
    public void GradientCheck_NormalisedNumbers_Passes()
    {
        var random = new RandomStream(3, RandomPurpose.GradientCheck);
        var values = Enumerable.Range(0, 20 * 6).Select(i => (random.Unit(i) * 40) - 20).ToArray();
        var images = LabeledImages.FromValues(values, [.. Enumerable.Range(0, 20).Select(i => (byte)(i % 3))], 1, 6, 1, 3);
        var model = TestData.Model(6, [5], 3, new TanhSpec()) with { Normalization = new NormalizationSpec([0.5f], [11]) };
        using var check = new GradientCheck(model, images, seed: 2);
        Assert.True(check.Run().Passed);
    }

    [Theory]
    [InlineData(new[] { 0f, 1 }, new[] { 1f, 1 }, "one for each of its 784 channels")]
    [InlineData(new[] { 0f }, new[] { 1f, 1 }, "1 means and 2 standard deviations")]
    [InlineData(new[] { 0f }, new[] { 0f }, "above 0")]
    [InlineData(new[] { 0f }, new[] { float.NaN }, "above 0")]
    [InlineData(new[] { float.PositiveInfinity }, new[] { 1f }, "finite")]
    public void Shapes_NormalisationThatCannotBe_IsRefusedByName(float[] mean, float[] deviation, string expected)
    {
        var error = Assert.Throws<InvalidInputException>(() => (Spec.Model with { Normalization = new NormalizationSpec(mean, deviation) }).Shapes());
        Assert.StartsWith("Model m: normalization ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Theory]
    [InlineData("0.5:0.25", 0.5f, 0.25f)]
    [InlineData(" -1e-1 : 2 ", -0.1f, 2f)]
    public void Parse_MeanAndDeviation_IsRead(string text, float mean, float deviation)
    {
        var read = NormalizationSpec.Parse(text);
        Assert.Equal([mean], read.Mean);
        Assert.Equal([deviation], read.StandardDeviation);
        Assert.Equal([1, 2, 3], NormalizationSpec.Parse("1,2,3:4,5,6").Mean);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0.5")]
    [InlineData("0.5:0")]
    [InlineData("0.5:-1")]
    [InlineData("0:1,2")]
    [InlineData("0:1:2")]
    [InlineData("NaN:1")]
    [InlineData("0:x")]
    public void Parse_AnythingElse_IsRefused(string text) => Assert.Throws<FormatException>(() => NormalizationSpec.Parse(text));

    [Fact]
    public void Validate_AugmentationOfRows_IsRefused()
    {
        var rows = TestData.Dataset(1, 10, 4, size: 30, classes: 3);
        var spec = TestData.Run(TestData.Model(30, [4], 3, new ReluSpec()), rows, "sgd", 5, 2, steps: 1) with { Augmentation = new AugmentationSpec(1) };
        Assert.Contains("(1, 1, 30)", Assert.Throws<InvalidInputException>(spec.Validate).Message);
    }

    [Fact]
    public void Json_OfARun_KeepsBoth()
    {
        var read = SpecJson.ReadRun(SpecJson.Write(Spec), "test");
        Assert.Equal(Augmentation, read.Augmentation);
        Assert.Equal(Normalization.Mean, read.Model.Normalization!.Mean);
        Assert.Equal(SpecJson.Write(Spec), SpecJson.Write(read));
        Assert.DoesNotContain("null", SpecJson.Write(Spec));
        Assert.DoesNotContain("augmentation", SpecJson.Write(Spec with { Augmentation = null }));
    }

    private static string Hash(RunSpec spec, Dataset data, int threads, Kernels<float>? kernels = null)
    {
        using var state = Trainer.Run(spec, data, threads: threads, kernels: kernels, cancellation: TestContext.Current.CancellationToken);
        return ParametersHash.Sha256(state.Parameters.Values);
    }
}
