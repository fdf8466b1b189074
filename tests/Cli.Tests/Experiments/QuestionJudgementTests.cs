using DistTrain.Cli.Experiments;
using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Tests.Experiments;

/// <summary>The judgements of the readers' questions say yes to numbers that show the effect, and no to numbers that do not.</summary>
public sealed class QuestionJudgementTests
{
    [Theory]
    [InlineData(1, 50, 0.5, true, true)]
    [InlineData(2, 50, 0.5, true, false)]
    [InlineData(1, 49, 0.5, true, false)]
    [InlineData(1, 50, 1.9, true, false)]
    [InlineData(1, 50, 0.5, false, false)]
    public void EqualWeights_StayEqualAndLearnLess_IsSeen(int equal, int random, double randomLoss, bool zerosStay, bool isSeen) =>
        Assert.Equal(isSeen, EqualWeightsExperiment.Judge([1, equal, random], [2.3, 1.8, randomLoss], zerosStay).IsSeen);

    [Theory]
    [InlineData(0.3, 1.0, true)]
    [InlineData(0.9, 1.0, false)]
    [InlineData(0.3, 0.5, false)]
    public void AdaGradRecovery_OnlyAdaGradStaysBehind_IsSeen(double adaGrad, double others, bool isSeen) =>
        Assert.Equal(isSeen, AdaGradRecoveryExperiment.Judge([1, adaGrad, others, 1]).IsSeen);

    [Fact]
    public void AdaGradRecovery_Steps_FollowTheFormula()
    {
        var steps = AdaGradRecoveryExperiment.Steps(new OptimizerSpec("adagrad", 0.01), [3, 4]);

        Assert.Equal(0.01, steps[0], tolerance: 1e-6);
        Assert.Equal(0.01 * 4 / 5, steps[1], tolerance: 1e-6);
    }

    [Theory]
    [InlineData(1e-5, 1.0, 2.3, 0.1, true)]
    [InlineData(0.5, 1.0, 2.3, 0.1, false)]
    [InlineData(1e-5, 0.01, 2.3, 0.1, false)]
    [InlineData(1e-5, 1.0, 1.0, 0.1, false)]
    [InlineData(1e-5, 1.0, 2.3, 2.3, false)]
    public void Depth_SigmoidLosesItsGradient_IsSeen(double sigmoid, double relu, double sigmoidLoss, double reluLoss, bool isSeen) =>
        Assert.Equal(isSeen, DepthExperiment.Judge([sigmoid, relu], [sigmoidLoss, reluLoss]).IsSeen);

    [Theory]
    [InlineData(2.3, 0.2, 0.5, double.PositiveInfinity, true)]
    [InlineData(1.0, 0.2, 0.5, 9, false)]
    [InlineData(2.3, 0.2, 0.5, 0.3, false)]
    [InlineData(2.3, 0.2, 2.3, 9, false)]
    public void LearningRate_BothEndsFail_IsSeen(double smallest, double second, double third, double largest, bool isSeen) =>
        Assert.Equal(isSeen, LearningRateExperiment.Judge([smallest, second, third, largest]).IsSeen);

    [Theory]
    [InlineData(1.0, 1e-9, 1.0, 2.3, true)]
    [InlineData(50, 1e-9, 1.0, 2.3, false)]
    [InlineData(1.0, 0.5, 1.0, 2.3, false)]
    [InlineData(1.0, 1e-9, 1.8, 0.2, false)]
    [InlineData(1.0, 1e-9, 0.2, 2.3, false)]
    public void BatchNormScale_GradientStaysAndScaleMatters_IsSeen(double with, double without, double largestScale, double plainLoss, bool isSeen) =>
        Assert.Equal(isSeen, BatchNormScaleExperiment.Judge([1, with], [1, without], [largestScale, 0.2], [double.PositiveInfinity, plainLoss]).IsSeen);

    [Theory]
    [InlineData(0, 90, 90, true)]
    [InlineData(1, 90, 90, false)]
    [InlineData(0, 10, 90, false)]
    [InlineData(0, 90, 0, false)]
    public void LayerOrder_OnlyMaxPoolingCommutes_IsSeen(int max, int reluFirst, int average, bool isSeen) =>
        Assert.Equal(isSeen, LayerOrderExperiment.Judge(max, reluFirst, average, parameters: 100).IsSeen);

    [Theory]
    [InlineData(18, 18, 0.98, true)]
    [InlineData(25, 18, 0.98, false)]
    [InlineData(18, 25, 0.98, false)]
    [InlineData(18, 18, 0.90, false)]
    public void KernelSize_CheaperAndAsGood_IsSeen(long parameters, long multiplyAdds, double accuracy, bool isSeen) =>
        Assert.Equal(isSeen, KernelSizeExperiment.Judge((25, parameters), (25, multiplyAdds), (0.98, accuracy)).IsSeen);

    [Theory]
    [InlineData(7, 3, 1.0, 0.5, true)]
    [InlineData(3, 7, 1.0, 0.5, false)]
    [InlineData(7, 3, 0.5, 1.0, false)]
    public void Residual_EvenerGradientsAndLowerLoss_IsSeen(double plain, double residual, double plainLoss, double residualLoss, bool isSeen) =>
        Assert.Equal(isSeen, ResidualExperiment.Judge([plain, residual], [plainLoss, residualLoss]).IsSeen);

    [Theory]
    [InlineData(0, 10, 0, true)]
    [InlineData(1, 10, 0, false)]
    [InlineData(0, 10, 1, false)]
    [InlineData(0, 0, 0, false)]
    public void ConvolutionIsAffine_EqualBits_IsSeen(int outputs, int of, int parameters, bool isSeen) =>
        Assert.Equal(isSeen, ConvolutionIsAffineExperiment.Judge(outputs, of, parameters, parameters: 10).IsSeen);

    [Theory]
    [InlineData(100, 80, 60, true)]
    [InlineData(100, null, 60, true)]
    [InlineData(100, 80, null, false)]
    [InlineData(100, 50, 60, false)]
    [InlineData(100, 80, 110, false)]
    [InlineData(100, 80, 6, false)]
    public void BatchPays_FewerUpdatesButMoreSamples_IsSeen(int smallest, int? atFixed, int? scaled, bool isSeen) =>
        Assert.Equal(isSeen, BatchPaysExperiment.Judge([10, 160], [smallest, atFixed], [smallest, scaled]).IsSeen);
}
