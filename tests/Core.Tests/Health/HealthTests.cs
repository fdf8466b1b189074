using DistTrain.Core.Data;
using DistTrain.Core.Health;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Health;

/// <summary>Networks with the mistakes that readers make, and one without.</summary>
public sealed class HealthTests
{
    private const float FarBelowZero = -1e6f;
    private static readonly Dataset Digits = SyntheticDigits.Create(trainCount: 200, testCount: 60);

    [Fact]
    public void Find_NetworkThatLearns_FindsNothing() => Assert.Empty(Train(Mlp(new ReluSpec()), learningRate: 0.1));

    [Fact]
    public void Find_ZeroWeightsBehindRelu_NothingMovesAllIsEqualAndDead()
    {
        var findings = Train(Mlp(new ReluSpec(), InitializerKind.Zero), learningRate: 0.1);

        Assert.Equal(["0.weight", "0.bias", "2.weight"], Where(findings, HealthProblem.NeverMoved));
        Assert.Equal("none of its 12,544 elements has moved in 30 steps", findings[0].What);
        Assert.Contains("16 of its 16 output units have the same weights", Assert.Single(findings, f => f.Problem == HealthProblem.EqualUnits).What, StringComparison.Ordinal);
        var dead = Assert.Single(findings, f => f.Problem == HealthProblem.DeadUnits);
        Assert.Equal("1 (relu)", dead.Where);
        Assert.Equal("16 of its 16 units give 0 for each of 200 training images (units 0, 1, 2, 3, 4, …); the layer before it: 0 (affine)", dead.What);
        Assert.Single(Where(findings, HealthProblem.ConstantPrediction));
        Assert.Single(Where(findings, HealthProblem.LossNeverFell));
    }

    [Fact]
    public void Find_ZeroWeightsBehindSigmoid_MoveButStayEqual()
    {
        var findings = Train(Mlp(new SigmoidSpec(), InitializerKind.Zero), learningRate: 0.1);

        Assert.Equal(["0.weight"], Where(findings, HealthProblem.EqualUnits));
        Assert.Empty(Where(findings, HealthProblem.NeverMoved));
    }

    [Fact]
    public void Find_BiasesFarBelowZero_NamesTheUnitsThatAreDeadAndDoNotMove()
    {
        var model = new ModelSpec("dead", [784], [new AffineSpec(4, Bias: [0, FarBelowZero, 0, FarBelowZero]), new ReluSpec(), new AffineSpec(10)]);

        var findings = Train(model, learningRate: 0.01);

        Assert.StartsWith("2 of its 4 units give 0", Assert.Single(findings, f => f.Problem == HealthProblem.DeadUnits).What, StringComparison.Ordinal);
        var unmoved = Assert.Single(findings, f => f.Problem == HealthProblem.NeverMoved);
        Assert.Equal(("0.weight", "2 of its 4 output units have not moved in 30 steps (units 1, 3)"), (unmoved.Where, unmoved.What));
    }

    [Fact]
    public void Find_DeadLayerInsideOfABlock_NamesItsPath()
    {
        var bias = Enumerable.Repeat(FarBelowZero, 8).ToList();
        var model = new ModelSpec(
            "block", [784], [new AffineSpec(8), new ResidualSpec([new AffineSpec(8, Bias: bias), new ReluSpec()]), new AffineSpec(10)]);

        var dead = Assert.Single(Train(model, learningRate: 0.01), f => f.Problem == HealthProblem.DeadUnits);

        Assert.Equal("1.main.1 (relu)", dead.Where);
        Assert.EndsWith("the layer before it: 1.main.0 (affine)", dead.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_DeadFilter_CountsChannelsNotPixels()
    {
        var model = new ModelSpec("filters", [1, 28, 28], [new ConvolutionSpec(3, 5, Stride: 4), new ReluSpec(), new AffineSpec(10)]);

        var findings = Untrained(model, parameters => parameters.View(parameters.Layout.Slots.Single(slot => slot.Name == "0.bias"))[1] = FarBelowZero);

        Assert.StartsWith("1 of its 3 units give 0 for each of 200 training images (unit 1)", Assert.Single(findings).What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e-30, true)]
    [InlineData(1e-5, false)]
    public void Find_TinyLearningRate_LossNeverFellAndBelowAllRoundingNoWeightMoved(double learningRate, bool expectUnmoved)
    {
        var findings = Train(Mlp(new ReluSpec()), learningRate);

        Assert.Single(Where(findings, HealthProblem.LossNeverFell));
        Assert.Equal(expectUnmoved ? ["0.weight", "2.weight"] : [], Where(findings, HealthProblem.NeverMoved));
    }

    [Fact]
    public void Find_SaturatedUnits_AreNamed()
    {
        foreach (var (activation, name) in new (LayerSpec, string)[] { (new SigmoidSpec(), "1 (sigmoid)"), (new TanhSpec(), "1 (tanh)") })
        {
            var model = new ModelSpec("saturated", [784], [new AffineSpec(2, Bias: [1000, -1000]), activation, new AffineSpec(10)]);

            var saturated = Assert.Single(Train(model, learningRate: 0.01), f => f.Problem == HealthProblem.SaturatedUnits);

            Assert.Equal(name, saturated.Where);
            Assert.StartsWith("2 of its 2 units are within 1 % of a limit", saturated.What, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Find_NaN_NamesTensorLayerAndLoss()
    {
        var findings = Untrained(Mlp(new ReluSpec()), parameters => parameters.Values[3] = float.NaN);

        Assert.Equal(["0.weight", "0 (affine)", "the loss"], Where(findings, HealthProblem.NotFinite));
        Assert.Equal("1 of its 12,544 elements are NaN or infinite", findings[0].What);
    }

    [Fact]
    public void Find_OneClassForAll_IsAMistakeOnlyWhereTheDataHaveOthers()
    {
        Assert.Equal([HealthProblem.ConstantPrediction], Judge(predictions: [0, 97, 3], labels: [30, 40, 30]));
        Assert.Empty(Judge(predictions: [0, 95, 5], labels: [30, 40, 30]));
        Assert.Empty(Judge(predictions: [0, 97, 3], labels: [2, 96, 2]));
    }

    [Fact]
    public void Find_Losses_FallByOnePercentOrDoNot()
    {
        Assert.Equal([HealthProblem.LossNeverFell], Judge(loss: 1.99));
        Assert.Empty(Judge(loss: 1.97));
        // Batch normalisation's running statistics may lag behind the loss that the steps saw.
        Assert.Empty(Judge(loss: 2.5, reported: [2.0, 1.2]));
        Assert.Equal([HealthProblem.LossNeverFell], Judge(loss: 2.5, reported: [2.0, 2.1]));
        Assert.Equal([HealthProblem.NotFinite], Judge(reported: [2.0, null]));
    }

    [Fact]
    public void Find_FailedRun_SaysWhy()
    {
        using var parameters = new ParameterSet(new ParameterLayout([("0.weight", new Shape(1, 2))]));

        var findings = HealthRules.Find(new HealthEvidence(0, parameters, parameters, [], 1, 1, 1, [1, 1], [1, 1], [], "The loss is NaN."));

        Assert.Equal((HealthProblem.RunFailed, "The loss is NaN"), (findings[0].Problem, findings[0].What));
    }

    [Fact]
    public void Advice_OfEveryProblem_IsThere() => Assert.All(
        Enum.GetValues<HealthProblem>(), problem => Assert.All([new HealthFinding(problem, "", "").Cause, new HealthFinding(problem, "", "").Cure], Assert.NotEmpty));

    [Fact]
    public void Probe_ModelWithBlocks_ComputesTheSameBits()
    {
        var model = new ModelSpec(
            "blocks",
            [1, 28, 28],
            [
                new ConvolutionSpec(2, 5, Stride: 4), new BatchNormalizationSpec(),
                new ResidualSpec([new ConvolutionSpec(4, 3, Padding: 1), new ReluSpec()], [new ConvolutionSpec(4, 1)]),
                new ParallelSpec([[], [new ConvolutionSpec(2, 1), new TanhSpec()]]), new DropoutSpec(), new AffineSpec(10),
            ]);
        using var parameters = model.InitialParameters(seed: 3);
        var probe = new ActivationProbe(model);

        Assert.Equal(Evaluator.Run(model, parameters, Digits.Test, 2), Evaluator.Run(probe.Model, parameters, Digits.Test, 2));

        Assert.Equal(
            ["0", "1", "2.main.0", "2.main.1", "2.shortcut.0", "2", "3.branches.1.0", "3.branches.1.1", "3", "4", "5"], probe.Layers.Select(layer => layer.Path));
        Assert.Equal(Digits.Test.Count, probe.Predictions.Sum());
    }

    private static ModelSpec Mlp(LayerSpec activation, InitializerKind initializer = InitializerKind.He) =>
        new("mlp", [784], [new AffineSpec(16, initializer), activation, new AffineSpec(10, initializer)]);

    private static IReadOnlyList<HealthFinding> Train(ModelSpec model, double learningRate)
    {
        const long Steps = 30;
        var run = TestData.Run(model, Digits, "sgd", batchSize: 20, shardCount: 2, Steps) with { Optimizer = new OptimizerSpec("sgd", learningRate) };
        using var state = Trainer.Run(run, Digits);
        using var initial = model.InitialParameters(run.Seed);
        return HealthRules.Find(HealthCheck.Gather(run, initial, state.Parameters, Steps, Digits, [], failure: null));
    }

    private static IReadOnlyList<HealthFinding> Untrained(ModelSpec model, Action<ParameterSet> change)
    {
        var run = TestData.Run(model, Digits, "sgd", batchSize: 20, shardCount: 2, steps: 1);
        using var initial = model.InitialParameters(run.Seed);
        using var changed = model.InitialParameters(run.Seed);
        change(changed);
        var findings = HealthRules.Find(HealthCheck.Gather(run, initial, changed, stepsDone: 0, Digits, [], failure: null));
        // What a network without training guesses is not the matter here.
        return [.. findings.Where(finding => finding.Problem != HealthProblem.ConstantPrediction)];
    }

    private static IEnumerable<HealthProblem> Judge(int[]? predictions = null, int[]? labels = null, double loss = 1, double?[]? reported = null)
    {
        var layout = new ParameterLayout([("0.weight", new Shape(1, 2))]);
        using var initial = new ParameterSet(layout);
        using var current = new ParameterSet(layout);
        current.Values.Fill(1);
        return [.. HealthRules.Find(new HealthEvidence(5, initial, current, [], 100, 2, loss, predictions ?? [1, 1], labels ?? [1, 1], reported ?? [])).Select(f => f.Problem)];
    }

    private static IEnumerable<string> Where(IReadOnlyList<HealthFinding> findings, HealthProblem problem) =>
        findings.Where(finding => finding.Problem == problem).Select(finding => finding.Where);
}
