using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Experiments;

/// <summary>The gradient of one batch, without an update: to look at, not to learn from.</summary>
internal static unsafe class GradientProbe
{
    /// <summary>
    /// The length of the gradient of the mean loss by each weight, biases and normalisations left out, from input to output; in a block the main path
    /// comes first.
    /// </summary>
    /// <param name="model">The network.</param>
    /// <param name="images">The first <paramref name="count"/> of them are the batch, one shard.</param>
    /// <param name="count">Samples of the batch.</param>
    /// <param name="seed">Of the initial parameters, at which the gradient is taken.</param>
    public static IReadOnlyList<(string Name, double Norm)> WeightNorms(ModelSpec model, LabeledImages images, int count, ulong seed)
    {
        using var parameters = model.InitialParameters(seed);
        var gradient = Mean(model, parameters, ExperimentContext.First(images, count), seed);
        return [.. parameters.Layout.ParameterSlots
            .Where(slot => slot.Shape.Rank > 1)
            .Select(slot => (slot.Name, Math.Sqrt(gradient.Skip(slot.Offset).Take(slot.Length).Sum(value => (double)value * value))))];
    }

    /// <summary>The gradient of the mean loss over the images, in the model's layout.</summary>
    private static float[] Mean(ModelSpec model, ParameterSet parameters, LabeledImages images, ulong seed)
    {
        var plan = new FoldPlan(shardCount: 1, new ShardRange(0, 1), images.Count);
        using var network = new Network<float>(model, VectorKernels.Best);
        using var inputs = new RowBuffer<float>(images.ImageSize);
        using var gradient = new AlignedBuffer<float>(parameters.Layout.Length);
        var rows = inputs.Rows(images.Count);
        for (var row = 0; row < rows.Rows; row++)
        {
            var pixels = images.Pixels.AsSpan(row * images.ImageSize, images.ImageSize);
            var to = rows.Row(row);
            for (var i = 0; i < pixels.Length; i++)
            {
                to[i] = pixels[i] / 255f;
            }
        }

        network.UseParameters(parameters.Pointer);
        var buffer = gradient.Pointer;
        network.Gradients(rows, images.Labels.AsSpan(0, images.Count), ForwardPass.Training(plan, seed, step: 0), new GradientFold<float>(plan, &buffer), out _);
        return [.. gradient.Span.ToArray().Select(value => value / images.Count)];
    }
}
