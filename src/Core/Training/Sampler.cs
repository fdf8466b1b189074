namespace DistTrain.Core.Training;

/// <summary>
/// The order of samples: each epoch visits every sample once, in an order that depends on (seed, epoch) alone, and each step takes the
/// next batch of it. The last, shorter batch of an epoch is used, not dropped.
/// </summary>
public static class Sampler
{
    /// <summary>The epoch's order of the samples 0 to <paramref name="count"/> − 1: see the overload over a span.</summary>
    public static int[] Permutation(ulong seed, long epoch, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var order = new int[count];
        Permutation(seed, epoch, order);
        return order;
    }

    /// <summary>
    /// Fills <paramref name="order"/> with a uniformly drawn permutation of 0 to its length − 1: Fisher–Yates from the last place down to
    /// place 1, place i exchanged with place <c>⌊u_i·(i+1)/2⁶⁴⌋</c>, where u_i is 64-bit element i of the stream
    /// (seed, <see cref="RandomPurpose.Permutation"/>, epoch).
    /// </summary>
    public static void Permutation(ulong seed, long epoch, Span<int> order)
    {
        Permutation(new RandomStream(seed, RandomPurpose.Permutation, layer: 0, epoch), order);
    }

    /// <summary>The same, drawn from the 64-bit elements of any stream.</summary>
    public static void Permutation(in RandomStream random, Span<int> order)
    {
        for (var i = 0; i < order.Length; i++) order[i] = i;
        var place = order.Length - 1;
        if (place > 0 && (place & 1) == 0)
        {
            Exchange(order, place, random.Bits64(place));
            place--;
        }
        // Places 2b + 1 and 2b share Philox block b; place 0 is exchanged with itself.
        for (; place > 0; place -= 2)
        {
            var (word0, word1, word2, word3) = random.Block((uint)place >> 1);
            Exchange(order, place, RandomStream.Join(word2, word3));
            Exchange(order, place - 1, RandomStream.Join(word0, word1));
        }
    }

    /// <summary><c>⌈sampleCount / batchSize⌉</c>.</summary>
    public static int StepsPerEpoch(int sampleCount, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sampleCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        return (sampleCount - 1) / batchSize + 1;
    }

    /// <summary>The samples of a step.</summary>
    /// <param name="step">Step of the run, from 0.</param>
    /// <param name="sampleCount">Samples in the dataset, at least 1.</param>
    /// <param name="batchSize">Samples per step; above <paramref name="sampleCount"/>, every step is a whole epoch.</param>
    public static BatchPositions Batch(long step, int sampleCount, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var (epoch, stepInEpoch) = Math.DivRem(step, StepsPerEpoch(sampleCount, batchSize));
        var first = (int)(stepInEpoch * batchSize);
        return new BatchPositions(step, epoch, first, Math.Min(batchSize, sampleCount - first));
    }

    private static void Exchange(Span<int> order, int place, ulong bits)
    {
        var other = RandomStream.ToBelow(bits, place + 1);
        (order[place], order[other]) = (order[other], order[place]);
    }
}
