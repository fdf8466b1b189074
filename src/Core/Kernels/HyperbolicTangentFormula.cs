using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// <c>tanh |x| = (e²ˣ − 1) / (e²ˣ + 1)</c>, numerator and denominator both from <c>e²ˣ = 2ᵏ · (1 + high + low)</c> as two-part sums whose
/// leading terms 2ᵏ ± 1 are exact: nothing cancels, however small x is. One division; the quotient's remainder is its low part.
/// </summary>
internal static class HyperbolicTangentFormula
{
    /// <summary>From here on tanh x is 1 in float and double: 1 − tanh x ≈ 2e⁻²ˣ &lt; 2⁻⁵⁶.</summary>
    private const double Saturation = 20;

    private const long SignBit = long.MinValue;

    /// <summary>tanh |x| in two parts; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TwoPartSum<TLanes> Evaluate<TLanes>(TLanes magnitude)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        var limit = TLanes.Create(Saturation);
        magnitude = TLanes.SelectLess(limit, magnitude, limit, magnitude);

        ExponentialFormula.Split(magnitude + magnitude, out var shift, out var high, out var low);
        var power = ExponentialFormula.PowerOfTwo(shift);
        var one = TLanes.Create(1);
        high *= power;
        low *= power;
        var numerator = Sum(power - one, high, low);
        var denominator = Sum(power + one, high, low);

        var reciprocal = one / denominator.High;
        var quotient = numerator.High * reciprocal;
        var minusQuotient = TLanes.Create(0) - quotient;
        var remainder = TLanes.MultiplyAdd(minusQuotient, denominator.High, numerator.High);
        var lowRemainder = TLanes.MultiplyAdd(minusQuotient, denominator.Low, numerator.Low);
        return new(quotient, (remainder + lowRemainder) * reciprocal);
    }

    /// <summary><c>a + b + c</c>, for |a| ≥ |b| or a = 0, and |b| ≥ |c|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TwoPartSum<TLanes> Sum<TLanes>(TLanes a, TLanes b, TLanes c)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        var leading = TwoPartSum<TLanes>.Exact(a, b);
        return TwoPartSum<TLanes>.Exact(leading.High, leading.Low + c);
    }

    /// <summary>tanh x as a double whose conversion to float is the correctly rounded result; x is a float.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // see Elementary
    public static TLanes ForFloat<TLanes>(TLanes x)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        var sign = x & TLanes.CreateFromBits(SignBit);
        return Evaluate(x ^ sign).RoundToOdd() | sign;
    }

    /// <summary>tanh x with a relative error below 2⁻⁵².</summary>
    public static double ForDouble(double x) => Math.CopySign(Evaluate(new DoubleLanes64(Math.Abs(x))).Round().Value, x);
}
