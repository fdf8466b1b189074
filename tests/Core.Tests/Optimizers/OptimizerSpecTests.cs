using DistTrain.Core.Kernels;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Optimizers;

public sealed class OptimizerSpecTests
{
    [Fact]
    public void Validate_EveryNameWithItsDefaults_IsRightAndCanBeBuilt()
    {
        Assert.Equal(["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "lamb"], OptimizerSpec.Names);
        foreach (var name in OptimizerSpec.Names)
        {
            var spec = new OptimizerSpec(name, OptimizerSpec.DefaultLearningRate(name));
            spec.Validate();
            using var optimizer = Optimizer.Create(spec, VectorKernels.Best, Layout(3));
            Assert.All(Enumerable.Range(0, optimizer.SlotNames.Count), slot => Assert.Equal([0, 0, 0], optimizer.Slot(slot).ToArray()));
        }
    }

    [Fact]
    public void Validate_WrongValues_AreRefusedNamingThem()
    {
        Refuses(new OptimizerSpec("adm", 0.1), "'adm'", "sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, lamb");
        Refuses(new OptimizerSpec(null!, 0.1), "Unknown optimizer");
        foreach (var rate in new[] { 0, -1, double.NaN, double.PositiveInfinity, 1e300, 1e-300 })
        {
            Refuses(new OptimizerSpec("sgd", rate), "learning rate");
        }

        foreach (var momentum in new[] { -0.1, 1, 1 - 1e-12, double.NaN, double.PositiveInfinity })
        {
            Refuses(new OptimizerSpec("momentum", 0.1, Momentum: momentum), "momentum of momentum", "below 1");
        }

        Refuses(new OptimizerSpec("sgd", 0.1, Momentum: 0.9), "sgd has no hyperparameter momentum");
        Refuses(new OptimizerSpec("momentum", 0.1, Beta1: 0.9), "momentum has no hyperparameter beta1; it has: momentum, weightDecay, l1, clipNorm");
        Refuses(new OptimizerSpec("adam", 0.1, Epsilon: -1), "epsilon of adam");
        Refuses(new OptimizerSpec("rmsprop", 0.1, Alpha: 1), "alpha of rmsprop");
        Refuses(new OptimizerSpec("adamw", 0.1, Momentum: 0.9), "adamw has no hyperparameter momentum");
        foreach (var wrong in new[] { -0.1, double.NaN, double.PositiveInfinity, 1e300 })
        {
            Refuses(new OptimizerSpec("lamb", 0.1, WeightDecay: wrong), "weightDecay of lamb", "at least 0");
            Refuses(new OptimizerSpec("sgd", 0.1, L1: wrong), "l1 of sgd", "at least 0");
            Refuses(new OptimizerSpec("sgd", 0.1, ClipNorm: wrong), "clipNorm of sgd");
        }

        Refuses(new OptimizerSpec("sgd", 0.1, ClipNorm: 0), "clipNorm of sgd is 0", "above 0");
        new OptimizerSpec("adam", 0.1, Beta1: 0, Beta2: 0, Epsilon: 1).Validate();

        static void Refuses(OptimizerSpec spec, params string[] expected)
        {
            var refusal = Assert.Throws<InvalidInputException>(spec.Validate);
            Assert.All(expected, part => Assert.Contains(part, refusal.Message, StringComparison.Ordinal));
            Assert.DoesNotContain("it has: .", refusal.Message, StringComparison.Ordinal);
            Assert.Throws<InvalidInputException>(() => Optimizer.Create(spec, VectorKernels.Best, Layout(1)));
        }
    }

    [Fact]
    public unsafe void Step_NoSamples_IsMisuse()
    {
        using var optimizer = Optimizer.Create(new OptimizerSpec("sgd", 0.1), VectorKernels.Best, Layout(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.Step(null, null, sampleCount: 0, learningRate: 0.1));
    }

    private static ParameterLayout Layout(int length) => new(length == 0 ? [] : [("p", new Shape(length))]);
}
