using DistTrain.Core.Training;

namespace DistTrain.Chaos.Faults;

/// <summary>Wrong sums under a right checksum: what a broken processor, or a liar, would send.</summary>
internal static class Lies
{
    /// <summary>What a fault does to a partial.</summary>
    /// <param name="kind">nan, bit, sign, hundred, zero.</param>
    /// <param name="random">Chooses the element, and whether.</param>
    /// <param name="rate">Of partials.</param>
    /// <param name="fromStep">Earlier ones are honest.</param>
    /// <param name="times">So often at most.</param>
    public static Action<Lease, Partial> Of(string kind, Random random, double rate, long fromStep, int times)
    {
        var left = times;
        return (lease, partial) =>
        {
            if (lease.Round.Kind != RoundKind.Training || lease.Round.Version < fromStep || left == 0 || random.NextDouble() >= rate)
            {
                return;
            }

            left--;
            Apply(kind, partial.Gradient.Span, random);
            FaultyWorker.Fired($"{kind} in shards [{partial.Node.Start}, {partial.Node.End}) of step {lease.Round.Version}");
        };
    }

    private static void Apply(string kind, Span<float> gradient, Random random)
    {
        // An element that takes part: many of the first layer are zero, and a flipped bit of zero is none that matters.
        var element = random.Next(gradient.Length);
        while (gradient[element] == 0)
        {
            element = (element + 1) % gradient.Length;
        }

        switch (kind)
        {
            case "nan":
                gradient[element] = float.NaN;
                break;
            case "bit":
                const int HighestMantissaBit = 22;
                gradient[element] = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(gradient[element]) ^ (1 << HighestMantissaBit));
                break;
            case "sign":
                Scale(gradient, -1);
                break;
            case "hundred":
                Scale(gradient, 100);
                break;
            case "zero":
                gradient.Clear();
                break;
            default:
                throw new FormatException($"There is no lie {kind}.");
        }
    }

    private static void Scale(Span<float> gradient, float factor)
    {
        for (var i = 0; i < gradient.Length; i++)
        {
            gradient[i] *= factor;
        }
    }
}
