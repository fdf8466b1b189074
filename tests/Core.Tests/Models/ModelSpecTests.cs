using CsCheck;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Models;

public sealed class ModelSpecTests
{
    [Theory]
    [InlineData("two-layer", "0.weight (100, 784)", "0.bias (100,)", "2.weight (10, 100)", "2.bias (10,)")]
    [InlineData("mlp-1024", "0.weight (1024, 784)", "0.bias (1024,)", "2.weight (1024, 1024)", "2.bias (1024,)", "4.weight (10, 1024)", "4.bias (10,)")]
    public void ParameterLayout_CatalogueEntry_HasPyTorchsNamesAndLayoutsWithoutGaps(string name, params string[] expected)
    {
        var layout = ModelCatalog.Get(name).ParameterLayout();
        Assert.Equal(expected, layout.Slots.Select(slot => $"{slot.Name} {slot.Shape}"));
        var offset = 0;
        foreach (var slot in layout.Slots)
        {
            Assert.Equal(offset, slot.Offset);
            offset += slot.Length;
        }

        Assert.Equal(offset, layout.Length);
    }

    [Fact]
    public void Get_EveryName_IsAModelOfItsData()
    {
        Assert.All(ModelCatalog.Names, name =>
        {
            var model = ModelCatalog.Get(name);
            var (input, scores) = name switch
            {
                "alexnet" => (3 * 227 * 227, 1000),
                "resnet-20-cifar" => (3 * 32 * 32, 10),
                _ when name.StartsWith("perceptron-", StringComparison.Ordinal) => (2, 2),
                _ => (784, 10),
            };
            Assert.Equal((name, input, scores), (model.Name, model.Shapes()[0].Size, model.Shapes()[^1].Size));
        });
    }

    [Theory]
    [InlineData("lenet-5", 61_706)]
    [InlineData("alexnet", 62_378_344)]
    [InlineData("resnet-20", 272_186)]
    [InlineData("plain-20", 269_434)]
    public void ParameterLayout_KnownNetworks_HaveTheirKnownParameterCounts(string name, int expected) =>
        Assert.Equal(expected, ModelCatalog.Get(name).ParameterLayout().ParameterLength);

    [Theory]
    [InlineData("and", "0001")]
    [InlineData("nand", "1110")]
    [InlineData("or", "0111")]
    [InlineData("xor", "0110")]
    public void Perceptron_AllInputs_GiveTheTruthTable(string gate, string expected)
    {
        byte[] labels = [.. expected.Select(digit => (byte)(digit - '0'))];
        var images = new LabeledImages([0, 0, 0, 255, 255, 0, 255, 255], labels, 1, 2, 1, 2);
        var model = ModelCatalog.Get($"perceptron-{gate}");
        using var parameters = model.InitialParameters(seed: 1);
        Assert.Equal(1, Evaluator.Run(model, parameters, images, shardCount: 1).Accuracy);
        var run = TestData.Run(model, new Dataset("gate", images, images), "sgd", batchSize: 4, shardCount: 1, steps: 1);
        Assert.Contains("cannot be trained", Assert.Throws<InvalidInputException>(run.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_UnknownName_ListsTheKnownOnes()
    {
        var refusal = Assert.Throws<InvalidInputException>(() => ModelCatalog.Get("lenet"));
        Assert.All(ModelCatalog.Names.Append("lenet"), name => Assert.Contains(name, refusal.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Shapes_LayersThatCannotBe_AreRefusedNamingTheLayer()
    {
        Refuses(new ModelSpec("m", [], [new ReluSpec()]), "input must be");
        Refuses(new ModelSpec("m", [0], [new ReluSpec()]), "input must be");
        Refuses(new ModelSpec("m", [3], []), "at least one layer");
        Refuses(new ModelSpec("m", [3], [new AffineSpec(4), new AffineSpec(0)]), "layer 1 (affine), whose input is (4,): units is 0");
        Refuses(new ModelSpec("m", [3], [new AffineSpec(4, InitializerKind.He, 0.1f)]), "layer 0 (affine), whose input is (3,): standardDeviation");
        Refuses(new ModelSpec("m", [3], [new AffineSpec(4, InitializerKind.Gaussian, -1)]), "layer 0 (affine), whose input is (3,): standardDeviation");
        Refuses(new ModelSpec("m", [3], [new AffineSpec(4, InitializerKind.Gaussian, float.NaN)]), "layer 0 (affine), whose input is (3,): standardDeviation");
        Refuses(new ModelSpec("m", [3], [null!]), "layer 0");
        Refuses(new ModelSpec("m", [65536, 65536], [new ReluSpec()]), "input");
        Refuses(new ModelSpec("m", [65536], [new AffineSpec(65536)]), "layer 0");
        Refuses(new ModelSpec("m", [40000], [new AffineSpec(40000), new AffineSpec(40000)]), "parameters");

        static void Refuses(ModelSpec model, string expected)
        {
            var refusal = Assert.Throws<InvalidInputException>(() => model.Shapes());
            Assert.StartsWith("Model m", refusal.Message, StringComparison.Ordinal);
            Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(InitializerKind.He, null, 0.0505076)] // √(2 / 784)
    [InlineData(InitializerKind.Xavier, null, 0.0475651)] // √(2 / 884)
    [InlineData(InitializerKind.Gaussian, null, 0.01)]
    [InlineData(InitializerKind.Gaussian, 0.3f, 0.3)]
    public void InitialParameters_Weights_AreNormalWithTheInitializersDeviation(InitializerKind initializer, float? deviation, double expected)
    {
        var model = new ModelSpec("m", [784], [new AffineSpec(100, initializer, deviation)]);
        using var parameters = model.InitialParameters(seed: 7);
        var weights = parameters.View(parameters.Layout.Slots[0]).ToArray().Select(value => value / expected).ToArray();
        // Of n = 78,400 standard normal values the mean deviates by 1/√n = 0.0036, the variance by √(2/n) = 0.005, the fourth moment by √(96/n) = 0.035.
        Assert.Equal(0, weights.Average(), 0.018);
        Assert.Equal(1, weights.Average(value => value * value), 0.025);
        Assert.Equal(3, weights.Average(value => Math.Pow(value, 4)), 0.175);
        Assert.Equal(0, weights.Zip(weights.Skip(1), (x, y) => x * y).Average(), 0.018);
        Assert.InRange(weights.Max(), 3.5, 6);
        Assert.All(parameters.View(parameters.Layout.Slots[1]).ToArray(), value => Assert.Equal(0, BitConverter.SingleToInt32Bits(value)));
    }

    [Fact]
    public void InitialParameters_SeedAndLayer_GiveOtherValuesAndSizesDoNot() => Gen.Select(Gen.ULong, Gen.Int[1, 9], Gen.Int[1, 9]).Sample((seed, few, more) =>
    {
        var values = Weights(new ModelSpec("m", [5], [new AffineSpec(few), new AffineSpec(5), new AffineSpec(few)]), seed);
        Assert.NotEqual(values[0], values[2]);
        Assert.NotEqual(values[0], Weights(new ModelSpec("m", [5], [new AffineSpec(few)]), seed + 1)[0]);
        // An element depends on its index alone: a layer with more outputs begins with the same values.
        Assert.Equal(values[0], Weights(new ModelSpec("m", [5], [new AffineSpec(few + more)]), seed)[0].Take(values[0].Length));

        static List<float[]> Weights(ModelSpec model, ulong seed)
        {
            using var parameters = model.InitialParameters(seed);
            return [.. parameters.Layout.Slots.Where(slot => slot.Shape.Rank == 2).Select(slot => parameters.View(slot).ToArray())];
        }
    });

    /// <summary>Philox, Box–Muller and our own functions, on every machine. Another value needs a new numerics revision.</summary>
    [Fact]
    public void InitialParameters_TwoLayerSeed7_HasThePinnedHash()
    {
        using var parameters = ModelCatalog.Get("two-layer").InitialParameters(seed: 7);
        Assert.Equal("9a5ddbc415fd3b18498b982294e9a6624d70e92fba4ea20c7bff90ac8146ba6b", ParametersHash.Sha256(parameters.Values));
    }

    [Fact]
    public void Sha256_KnownValues_IsThatOfTheirLittleEndianBytes()
    {
        // python3 -c "import hashlib, struct; print(hashlib.sha256(struct.pack('<3f', 1, -2.5, 0)).hexdigest())"
        Assert.Equal("738e86d615200bd3391d7ae379779a8e4644bade56d93d0634aa07004fa697f3", ParametersHash.Sha256([1f, -2.5f, 0f]));
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ParametersHash.Sha256([]));
    }
}
