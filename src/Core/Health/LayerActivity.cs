using DistTrain.Core.Tensors;

namespace DistTrain.Core.Health;

/// <summary>What a layer gave over a set of images.</summary>
/// <param name="Path">Its place: <c>1</c>, or inside of a block <c>3.main.1</c>.</param>
/// <param name="Kind">Its <c>type</c> in JSON.</param>
/// <param name="Before">The layer whose output it takes, as <c>0 (affine)</c>; or <c>the input</c>.</param>
/// <param name="Activity">
/// How far from doing nothing each unit (of an image: each channel) came at most, over all images and pixels. Of a relu its output: 0 is dead. Of a
/// sigmoid or tanh the share of its range between the output and the nearer limit, 0 to 0.5. Of other layers empty.
/// </param>
/// <param name="IsFinite">Whether all it gave was finite.</param>
public sealed record LayerActivity(string Path, string Kind, string Before, IReadOnlyList<float> Activity, bool IsFinite)
{
    /// <summary>How messages call it.</summary>
    public string Name => $"{Path} ({Kind})";
}

/// <summary>Everything that <see cref="HealthRules"/> judge by.</summary>
/// <param name="StepsDone">The steps behind the parameters.</param>
/// <param name="Initial">The parameters at step 0.</param>
/// <param name="Current">The parameters now.</param>
/// <param name="Layers">What the layers give on <paramref name="SampleCount"/> training images, in order.</param>
/// <param name="SampleCount">How many.</param>
/// <param name="InitialLoss">The mean loss on these with the initial parameters, in evaluation mode.</param>
/// <param name="CurrentLoss">The same with the parameters now.</param>
/// <param name="Predictions">How many test images are taken for each class.</param>
/// <param name="Labels">How many test images are of each class.</param>
/// <param name="TrainingLosses">What the run reported of its training loss, in order; null where it was not finite.</param>
/// <param name="Failure">Why the run failed; null if it did not.</param>
public sealed record HealthEvidence(
    long StepsDone,
    ParameterSet Initial,
    ParameterSet Current,
    IReadOnlyList<LayerActivity> Layers,
    int SampleCount,
    double InitialLoss,
    double CurrentLoss,
    IReadOnlyList<int> Predictions,
    IReadOnlyList<int> Labels,
    IReadOnlyList<double?> TrainingLosses,
    string? Failure = null);
