using DistTrain.Core.Data;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Health;

/// <summary>Collects what <see cref="HealthRules"/> judge by: it runs the model on a fixed sample of its training images, and on its test images.</summary>
public static class HealthCheck
{
    /// <summary>Training images looked at, spread evenly over the set; fewer if there are fewer.</summary>
    public const int SampleCount = 1000;

    /// <summary>Looks at a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="initial">Its parameters at step 0.</param>
    /// <param name="current">Its parameters now.</param>
    /// <param name="stepsDone">The steps between the two.</param>
    /// <param name="dataset">Its data.</param>
    /// <param name="trainingLosses">What it reported of its training loss, in order; null where it was not finite.</param>
    /// <param name="failure">Why it failed; null if it did not.</param>
    public static HealthEvidence Gather(
        RunSpec run, ParameterSet initial, ParameterSet current, long stepsDone, Dataset dataset, IReadOnlyList<double?> trainingLosses, string? failure)
    {
        var sample = Sample(dataset.Train);
        var training = new ActivationProbe(run.Model);
        var test = new ActivationProbe(run.Model, scoresOnly: true);
        var currentLoss = Loss(training.Model, current, sample);
        Loss(test.Model, current, dataset.Test);
        var labels = new int[test.Predictions.Count];
        foreach (var label in dataset.Test.Labels)
        {
            labels[label]++;
        }

        return new HealthEvidence(
            stepsDone, initial, current, training.Layers, sample.Count, Loss(run.Model, initial, sample), currentLoss, test.Predictions, labels, trainingLosses, failure);
    }

    /// <summary>Every so many images: a set may be sorted by class.</summary>
    private static LabeledImages Sample(LabeledImages images)
    {
        var count = Math.Min(SampleCount, images.Count);
        if (count == images.Count)
        {
            return images;
        }

        var size = images.ImageSize * images.ElementBytes;
        var (elements, labels) = (new byte[count * size], new byte[count]);
        for (var i = 0; i < count; i++)
        {
            var index = (int)((long)i * images.Count / count);
            images.Elements.AsSpan(checked(index * size), size).CopyTo(elements.AsSpan(i * size));
            labels[i] = images.Labels[index];
        }

        return new LabeledImages(elements, images.ElementKind, labels, images.Height, images.Width, images.Channels, images.ClassCount);
    }

    private static double Loss(Models.ModelSpec model, ParameterSet parameters, LabeledImages images) =>
        Evaluator.Run(model, parameters, images, RunSpec.EvaluationShardCountOf(images.Count)).Loss;
}
