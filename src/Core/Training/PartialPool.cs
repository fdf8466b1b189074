namespace DistTrain.Core.Training;

/// <summary>Partials to use again, so that a step allocates nothing. Thread-safe: network and training threads share it.</summary>
/// <param name="gradientLength">The elements of a gradient; 0 for evaluations.</param>
public sealed class PartialPool(int gradientLength) : IDisposable
{
    private readonly Stack<Partial> _free = new();
    private readonly Lock _gate = new();
    private int _created;

    /// <summary>How many partials there are because of this pool: rented or free. It grows to the most ever in use at once, and no further.</summary>
    internal int Created => Volatile.Read(ref _created);

    /// <summary>The elements of a gradient.</summary>
    public int GradientLength { get; } = gradientLength;

    /// <summary>A partial with unspecified content.</summary>
    public Partial Rent()
    {
        lock (_gate)
        {
            if (_free.TryPop(out var partial))
            {
                return partial;
            }
        }

        Interlocked.Increment(ref _created);
        return new Partial(GradientLength);
    }

    /// <summary>Gives one back; the caller must not use it again. One in memory of somebody else goes there.</summary>
    public void Return(Partial partial)
    {
        if (partial.TryRelease())
        {
            return;
        }

        lock (_gate)
        {
            _free.Push(partial);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            while (_free.TryPop(out var partial))
            {
                partial.Dispose();
            }
        }
    }
}

/// <summary>The two pools of one process.</summary>
/// <param name="gradientLength">The elements of the model's gradient.</param>
public sealed class PartialPools(int gradientLength) : IDisposable
{
    /// <summary>For training rounds.</summary>
    public PartialPool Training { get; } = new(gradientLength);

    /// <summary>For evaluations: partials without gradients.</summary>
    public PartialPool Evaluation { get; } = new(0);

    /// <summary>The pool for a kind of round.</summary>
    public PartialPool For(RoundKind kind) => kind == RoundKind.Training ? Training : Evaluation;

    /// <inheritdoc/>
    public void Dispose()
    {
        Training.Dispose();
        Evaluation.Dispose();
    }
}
