using DistTrain.Cli.Options;
using DistTrain.Core;

namespace DistTrain.Cli.Experiments;

/// <summary>The experiments known by name.</summary>
public static class ExperimentCatalog
{
    /// <summary>All of them, in the order to show them.</summary>
    public static IReadOnlyList<Experiment> All { get; } =
    [
        new OptimizersExperiment(), new ActivationHistogramsExperiment(), new WeightInitExperiment(), new BatchNormExperiment(), new OverfitExperiment(),
        new WeightDecayExperiment(), new DropoutExperiment(), new FiltersExperiment(), new MisclassifiedExperiment(), new HalfPrecisionExperiment(),
        new BatchSizeExperiment(),
        new EqualWeightsExperiment(), new AdaGradRecoveryExperiment(), new DepthExperiment(), new LearningRateExperiment(), new BatchNormScaleExperiment(),
        new LayerOrderExperiment(), new KernelSizeExperiment(), new ResidualExperiment(), new ConvolutionIsAffineExperiment(),
        new BatchPaysExperiment(),
    ];

    /// <summary>The experiment of that name.</summary>
    /// <exception cref="InvalidInputException">There is none; the message lists those there are.</exception>
    public static Experiment Get(string name) => All.FirstOrDefault(experiment => experiment.Name == name)
        ?? throw new InvalidInputException(
            $"Unknown experiment '{name}'.{NearestName.Suggestion(name, All.Select(experiment => experiment.Name))} Known experiments: {string.Join(", ", All.Select(experiment => experiment.Name))}; 'disttrain experiment list' says what they do.");
}
