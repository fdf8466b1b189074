using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>The sums over one node of the reduction tree.</summary>
public sealed class Partial : IDisposable
{
    internal Partial(int gradientLength) => Gradient = new AlignedBuffer<float>(gradientLength);

    /// <summary>The shards it covers.</summary>
    public ShardRange Node { get; set; }

    /// <summary>How many samples they have.</summary>
    public int SampleCount { get; set; }

    /// <summary>The sum of the samples' losses.</summary>
    public double LossSum { get; set; }

    /// <summary>How many samples the network classified as labelled.</summary>
    public int CorrectCount { get; set; }

    /// <summary>The gradient of the loss sum, in the model's flat layout; empty in an evaluation.</summary>
    public AlignedBuffer<float> Gradient { get; }

    /// <inheritdoc/>
    public void Dispose() => Gradient.Dispose();
}
