namespace DistTrain.Cli.Experiments;

/// <summary>Numbers compared by their bits.</summary>
internal static class SameBits
{
    /// <summary>How many elements differ; −0 is not +0.</summary>
    public static int Different(IReadOnlyList<float> a, IReadOnlyList<float> b)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Count, b.Count);
        return a.Zip(b, (x, y) => BitConverter.SingleToInt32Bits(x) != BitConverter.SingleToInt32Bits(y)).Count(differs => differs);
    }
}
