using DistTrain.Core.Kernels;
using DistTrain.Core.Optimizers;

namespace DistTrain.Core.Tests.Optimizers;

public sealed class OptimizerSpecTests
{
    [Fact]
    public void Validate_EveryNameWithItsDefaults_IsRightAndCanBeBuilt()
    {
        Assert.Equal(["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"], OptimizerSpec.Names);
        foreach (var name in OptimizerSpec.Names)
        {
            var spec = new OptimizerSpec(name, OptimizerSpec.DefaultLearningRate(name));
            spec.Validate();
            using var optimizer = Optimizer.Create(spec, VectorKernels.Best, length: 3);
            Assert.All(Enumerable.Range(0, optimizer.SlotNames.Count), slot => Assert.Equal([0, 0, 0], optimizer.Slot(slot).ToArray()));
        }
    }

    [Fact]
    public void Validate_WrongValues_AreRefusedNamingThem()
    {
        Refuses(new OptimizerSpec("adm", 0.1), "'adm'", "sgd, momentum, nesterov, adagrad, rmsprop, adam");
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
        Refuses(new OptimizerSpec("momentum", 0.1, Beta1: 0.9), "momentum has no hyperparameter beta1; it has: momentum");
        Refuses(new OptimizerSpec("adam", 0.1, Epsilon: -1), "epsilon of adam");
        Refuses(new OptimizerSpec("rmsprop", 0.1, Alpha: 1), "alpha of rmsprop");
        new OptimizerSpec("adam", 0.1, Beta1: 0, Beta2: 0, Epsilon: 1).Validate();

        static void Refuses(OptimizerSpec spec, params string[] expected)
        {
            var refusal = Assert.Throws<InvalidInputException>(spec.Validate);
            Assert.All(expected, part => Assert.Contains(part, refusal.Message, StringComparison.Ordinal));
            Assert.DoesNotContain("it has: .", refusal.Message, StringComparison.Ordinal);
            Assert.Throws<InvalidInputException>(() => Optimizer.Create(spec, VectorKernels.Best, length: 1));
        }
    }

    [Fact]
    public unsafe void Step_NoSamples_IsMisuse()
    {
        using var optimizer = Optimizer.Create(new OptimizerSpec("sgd", 0.1), VectorKernels.Best, length: 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.Step(null, null, sampleCount: 0));
    }
}
