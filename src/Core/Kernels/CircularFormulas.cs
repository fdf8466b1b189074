namespace DistTrain.Core.Kernels;

/// <summary>
/// sin and cos by the quadrant <c>q</c> and the remainder <c>r</c>, |r| ≤ π/4, of <see cref="CircularReduction"/>, and Taylor's series:
/// <c>sin r = r − r³/3! + … + r¹⁷/17!</c> and <c>cos r = 1 − r²/2! + … − r¹⁸/18!</c>; the first omitted terms are below 2⁻⁵⁸ of the result.
/// Scalar: only rotations and the drawing of normal numbers need them.
/// </summary>
internal static class CircularFormulas
{
    /// <summary>sin x in two parts; NaN for infinities and NaN.</summary>
    public static TwoPartSum<DoubleLanes64> Sine(double x)
    {
        var (quadrant, high, low) = CircularReduction.Reduce(Math.Abs(x));
        var sum = OfQuadrant(quadrant, high, low);
        return double.IsNegative(x) ? Negate(sum) : sum;
    }

    /// <summary>cos x in two parts; NaN for infinities and NaN.</summary>
    public static TwoPartSum<DoubleLanes64> Cosine(double x)
    {
        var (quadrant, high, low) = CircularReduction.Reduce(Math.Abs(x));
        return OfQuadrant(quadrant + 1, high, low); // cos x = sin(x + π/2)
    }

    /// <summary><c>sin(q · π/2 + r)</c>, r = high + low.</summary>
    private static TwoPartSum<DoubleLanes64> OfQuadrant(int quadrant, double high, double low)
    {
        var sum = (quadrant & 1) == 0 ? SineSeries(high, low) : CosineSeries(high, low);
        return (quadrant & 2) == 0 ? sum : Negate(sum);
    }

    private static TwoPartSum<DoubleLanes64> Negate(TwoPartSum<DoubleLanes64> sum) => new(new(-sum.High.Value), new(-sum.Low.Value));

    private static TwoPartSum<DoubleLanes64> SineSeries(double r, double tail)
    {
        var z = r * r;
        var s = 1 / 355687428096000.0;
        s = Math.FusedMultiplyAdd(s, z, -1 / 1307674368000.0);
        s = Math.FusedMultiplyAdd(s, z, 1 / 6227020800.0);
        s = Math.FusedMultiplyAdd(s, z, -1 / 39916800.0);
        s = Math.FusedMultiplyAdd(s, z, 1 / 362880.0);
        s = Math.FusedMultiplyAdd(s, z, -1 / 5040.0);
        s = Math.FusedMultiplyAdd(s, z, 1 / 120.0);
        s = Math.FusedMultiplyAdd(s, z, -1 / 6.0);
        // sin(r + tail) = sin r + tail · cos r, and cos r = 1 − z/2 is enough beside a tail below 2⁻⁵³ · r.
        var low = Math.FusedMultiplyAdd(r * z, s, tail * (1 - z * 0.5));
        return new(new(r), new(low));
    }

    private static TwoPartSum<DoubleLanes64> CosineSeries(double r, double tail)
    {
        var z = r * r;
        var squareTail = Math.FusedMultiplyAdd(r, r, -z); // r² = z + squareTail exactly
        var c = -1 / 6402373705728000.0;
        c = Math.FusedMultiplyAdd(c, z, 1 / 20922789888000.0);
        c = Math.FusedMultiplyAdd(c, z, -1 / 87178291200.0);
        c = Math.FusedMultiplyAdd(c, z, 1 / 479001600.0);
        c = Math.FusedMultiplyAdd(c, z, -1 / 3628800.0);
        c = Math.FusedMultiplyAdd(c, z, 1 / 40320.0);
        c = Math.FusedMultiplyAdd(c, z, -1 / 720.0);
        c = Math.FusedMultiplyAdd(c, z, 1 / 24.0);
        var leading = TwoPartSum<DoubleLanes64>.Exact(new(1), new(z * -0.5));
        // cos(r + tail) = cos r − tail · sin r, and sin r = r is enough beside the tail.
        var rest = leading.Low.Value - Math.FusedMultiplyAdd(r, tail, squareTail * 0.5);
        return new(leading.High, new(Math.FusedMultiplyAdd(z * z, c, rest)));
    }
}
