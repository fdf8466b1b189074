using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>The sums over one node of the reduction tree.</summary>
public sealed class Partial : IDisposable
{
    private readonly Action<Partial>? _release;

    /// <summary>In memory that is somebody else's, such as a worker's region that the coordinator reads in place.</summary>
    /// <param name="gradient">The gradient's elements.</param>
    /// <param name="release">Told, on any thread, when nobody uses it any more: it goes to no pool.</param>
    public Partial(AlignedBuffer<float> gradient, Action<Partial>? release)
    {
        Gradient = gradient;
        _release = release;
    }

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

    /// <summary>Gives it back to whose memory it is; false if it is a pool's.</summary>
    internal bool TryRelease()
    {
        _release?.Invoke(this);
        return _release is not null;
    }

    /// <inheritdoc/>
    public void Dispose() => Gradient.Dispose();
}
