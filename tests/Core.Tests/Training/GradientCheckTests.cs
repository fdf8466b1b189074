using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class GradientCheckTests
{
    private static readonly Dictionary<string, ModelSpec> Models = new()
    {
        ["relu"] = TestData.Model(30, [17, 9], 5, new ReluSpec()),
        ["sigmoid"] = TestData.Model(30, [17, 9], 5, new SigmoidSpec()),
        ["tanh"] = TestData.Model(30, [17, 9], 5, new TanhSpec()),
        ["mean squared error, tanh"] = TestData.Model(30, [17, 9], 5, new TanhSpec(), new MeanSquaredErrorSpec()),
        ["mean squared error, relu"] = TestData.Model(30, [17], 5, new ReluSpec(), new MeanSquaredErrorSpec()),
        ["one unit"] = TestData.Model(30, [1, 1], 5, new SigmoidSpec()),
        ["no hidden layer"] = TestData.Model(30, [], 5, new SigmoidSpec()),
        ["leaky relu, gelu"] = new ModelSpec("test", [30], [new AffineSpec(9), new LeakyReluSpec(0.2f), new AffineSpec(8), new GeluSpec(), new AffineSpec(5)]),
        ["softmax"] = new ModelSpec("test", [30], [new AffineSpec(5), new SoftmaxSpec()], new MeanSquaredErrorSpec()),
        ["label smoothing"] = TestData.Model(30, [17], 5, new TanhSpec(), new SoftmaxCrossEntropySpec(0.2f)),
        ["batch norm"] = new ModelSpec(
            "test", [30], [new AffineSpec(9), new BatchNormalizationSpec(), new TanhSpec(), new AffineSpec(7), new BatchNormalizationSpec(), new AffineSpec(5)]),
        ["batch norm of an image"] = new ModelSpec("test", [2, 3, 5], [new BatchNormalizationSpec(), new TanhSpec(), new AffineSpec(5)]),
        ["the book's batch norm of an image"] = new ModelSpec("test", [2, 3, 5], [new BatchNormalizationSpec(PerPixel: true), new TanhSpec(), new AffineSpec(5)]),
        ["dropout"] = new ModelSpec("test", [30], [new AffineSpec(17), new SigmoidSpec(), new DropoutSpec(0.4f), new AffineSpec(9), new DropoutSpec(0.5f, true), new AffineSpec(5)]),
        ["local response normalization"] = new ModelSpec(
            "test", [5, 2, 3], [new BatchNormalizationSpec(), new LocalResponseNormalizationSpec(4, 0.5f, 0.75f, 1.5f), new AffineSpec(5)]),
        ["residual"] = new ModelSpec(
            "test",
            [30],
            [
                new AffineSpec(8),
                new ResidualSpec([new TanhSpec(), new AffineSpec(8), new SigmoidSpec()]),
                new ResidualSpec([new AffineSpec(6), new TanhSpec()], [new AffineSpec(6)]),
                new AffineSpec(5),
            ]),
        ["parallel"] = new ModelSpec(
            "test", [30], [new AffineSpec(8), new ParallelSpec([[new AffineSpec(3), new TanhSpec()], [], [new AffineSpec(4)]]), new AffineSpec(5)]),
        ["activation first and last"] = new ModelSpec("test", [30], [new SigmoidSpec(), new AffineSpec(5), new TanhSpec()]),
    };

    [Fact]
    public void NumericalGradient_AskedToStop_Stops()
    {
        using var check = new GradientCheck(Models["relu"], TestData.Images(1, 20, 30, 5), seed: 1);
        Assert.Throws<OperationCanceledException>(() => check.NumericalGradient(new CancellationToken(canceled: true)));
    }

    public static TheoryData<string> ModelNames => [.. Models.Keys];

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Run_EveryLayerAndLoss_AgreesAtEveryElement(string name)
    {
        var model = Models[name];
        for (var seed = 0; seed < 5; seed++)
        {
            using var check = new GradientCheck(model, TestData.Images(seed, 20, 30, 5), (ulong)seed);
            var result = check.Run();
            Assert.True(result.Passed, Describe(result));
            Assert.Equal(model.ParameterLayout().ParameterLength, result.CheckedCount + result.KinkCount);
            Assert.InRange(result.KinkCount, 0, result.CheckedCount / 10);
        }
    }

    [Fact]
    public void Run_TwoLayer_AgreesAtAllSmallTensorsAndTwoHundredElementsOfTheLargeOne()
    {
        using var check = new GradientCheck(ModelCatalog.Get("two-layer"), TestData.Images(1, 20, 784, 10), seed: 7, sampleCount: 5);
        var result = check.Run();
        Assert.True(result.Passed, Describe(result));
        Assert.Equal(200, result.Tensors[0].CheckedCount);
        Assert.Equal([100, 1000, 10], result.Tensors.Skip(1).Select(tensor => tensor.CheckedCount + tensor.KinkCount));
        Assert.Equal(["0.weight", "0.bias", "2.weight", "2.bias"], result.Tensors.Select(tensor => tensor.Name));
    }

    [Theory]
    [InlineData(0, 1.00001)]
    [InlineData(1, 1.00001)]
    [InlineData(2, 1.00001)]
    [InlineData(0, double.NaN)]
    public void Run_WrongBackward_FailsBelowTheWrongLayerOnly(int place, double factor)
    {
        var layers = new List<LayerSpec> { new AffineSpec(9), new TanhSpec(), new AffineSpec(5) };
        layers.Insert(place + 1, new WrongSpec(factor));
        using var check = new GradientCheck(new ModelSpec("wrong", [30], layers), TestData.Images(1, 20, 30, 5), seed: 1);
        var result = check.Run();
        Assert.False(result.Passed);
        Assert.All(
            result.Tensors,
            tensor => Assert.Equal(
                int.Parse(tensor.Name[..1], System.Globalization.CultureInfo.InvariantCulture) > place,
                tensor.WorstRelativeError <= GradientCheck.Tolerance));
    }

    [Fact]
    public void NumericalGradient_InputAtTheKink_IsCountedAndLeftOut()
    {
        // Black images: the inputs of the ReLU are the biases, and any step of those next to 0 crosses the kink.
        var images = new LabeledImages(new byte[2 * 30], new byte[2], 1, 30, 1, 5);
        GradientCheckResult Check(params float[] biases)
        {
            using var check = new GradientCheck(
                new ModelSpec("kinks", [30], [new AffineSpec(biases.Length, Bias: biases), new ReluSpec(), new AffineSpec(5)]), images, seed: 1);
            return check.Run();
        }

        var result = Check(1e-9f, 0.5f, -1e-9f, -0.5f);
        Assert.Equal([0, 2, 0, 0], result.Tensors.Select(tensor => tensor.KinkCount));
        Assert.Equal(2, result.Tensors[1].CheckedCount);
        Assert.True(result.Passed);
        Assert.False(Check(1e-9f, -1e-9f).Passed);
    }

    [Fact]
    public void Run_BiasesThatStartEqual_AreMovedOffTheKink()
    {
        using var check = new GradientCheck(
            TestData.Model(30, [4], 5, new ReluSpec()), new LabeledImages(new byte[2 * 30], new byte[2], 1, 30, 1, 5), seed: 1);
        Assert.Equal(0, check.Run().KinkCount);
    }

    [Fact]
    public void NumericalGradient_Elements_AreDistinctAndDependOnTheSeedAlone()
    {
        var images = TestData.Images(1, 3, 784, 10);
        int[] Elements(ulong seed)
        {
            using var check = new GradientCheck(TestData.Model(784, [13], 10, new SigmoidSpec()), images, seed, sampleCount: 1);
            return [.. check.NumericalGradient().Select(element => element.Index)];
        }

        var elements = Elements(1);
        Assert.Equal(200 + 13 + 130 + 10, elements.Distinct().Count());
        Assert.Equal(elements, Elements(1));
        Assert.NotEqual(elements, Elements(2));
    }

    [Theory]
    [InlineData(1, 1.000001, 5e-7)]
    [InlineData(0, 1e-4, 1)]
    [InlineData(0, 1e-8, 1e-4)]
    [InlineData(0, 0, 0)]
    [InlineData(-2, 2, 1)]
    public void RelativeError_TwoValues_IsTheDocumentedQuotient(double backpropagation, double numerical, double expected) =>
        Assert.Equal(expected, GradientCheck.RelativeError(backpropagation, numerical), tolerance: 1e-9);

    private static string Describe(GradientCheckResult result) => string.Join('\n', result.Tensors);

    /// <summary>Passes its input through, but its gradient times a factor.</summary>
    private sealed record WrongSpec(double Factor) : LayerSpec
    {
        public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
            new WrongLayer<T>(kernels, input, T.CreateChecked(Factor));
    }

    private sealed class WrongLayer<T>(Kernels<T> kernels, Shape shape, T factor) : Layer<T>(kernels, shape, shape)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass) => input;

        public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
        {
            for (var row = 0; row < outputGradient.Rows; row++)
            {
                foreach (ref var value in outputGradient.Row(row))
                {
                    value *= factor;
                }
            }

            return outputGradient;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
