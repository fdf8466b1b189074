using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// <c>ln x = k · ln 2 + ln m</c> with x = 2ᵏ · m, √½ ≤ m &lt; √2, and with f = m − 1, s = f / (2 + f) (so |s| ≤ 0.172):
/// <c>ln m = 2 · artanh s = 2s + s · R</c>, <c>R = 2s²/3 + 2s⁴/5 + … + 2s²⁰/21</c>, the first omitted term being below 2⁻⁶⁰.
/// Since 2s = f − s · f, that is <c>f − (f²/2 − s · (f²/2 + R))</c>, whose leading term f is exact (fdlibm's arrangement, Sun 1993).
/// </summary>
internal static class LogarithmFormula
{
    /// <summary>ln 2 cut to 42 bits: k · Ln2High is exact for |k| ≤ 2¹¹.</summary>
    private const double Ln2High = 0.6931471805598903;

    /// <summary>ln 2 − <see cref="Ln2High"/> rounded to double.</summary>
    private const double Ln2Low = 5.497923018708371e-14;

    /// <summary>The bits of √½ rounded to double.</summary>
    private const long BitsOfSqrtHalf = 0x3FE6_A09E_667F_3BCD;

    private const long BitsOfOne = 0x3FF0_0000_0000_0000;

    /// <summary>The bits of 2⁵²: or-ed with an integer below 2⁵², the double 2⁵² + that integer.</summary>
    private const long BitsOfTwoTo52 = 0x4330_0000_0000_0000;

    /// <summary>2⁵² + 1023, the exponent bias.</summary>
    private const double BiasedShift = 4503599627370496.0 + 1023.0;

    /// <summary>ln x in two parts, for 2⁻¹⁰²² ≤ x &lt; ∞.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TwoPartSum<TLanes> Evaluate<TLanes>(TLanes x)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        // k + 1023 is the exponent field of x · √2, found by subtracting bits: no branch, no rounding.
        var biased = TLanes.ShiftBitsRight(TLanes.AddBits(x, TLanes.CreateFromBits(BitsOfOne - BitsOfSqrtHalf)), 52);
        var k = (biased | TLanes.CreateFromBits(BitsOfTwoTo52)) - TLanes.Create(BiasedShift);
        var m = TLanes.AddBits(TLanes.SubtractBits(x, TLanes.ShiftBitsLeft(biased, 52)), TLanes.CreateFromBits(BitsOfOne));

        var f = m - TLanes.Create(1);
        var s = f / (f + TLanes.Create(2));
        var z = s * s;

        // R = z · (2/3 + 2z/5 + … + 2z⁹/21) as z · (even + z · odd): two chains run side by side.
        var w = z * z;
        var even = TLanes.Create(2 / 19.0);
        even = TLanes.MultiplyAdd(even, w, TLanes.Create(2 / 15.0));
        even = TLanes.MultiplyAdd(even, w, TLanes.Create(2 / 11.0));
        even = TLanes.MultiplyAdd(even, w, TLanes.Create(2 / 7.0));
        even = TLanes.MultiplyAdd(even, w, TLanes.Create(2 / 3.0));
        var odd = TLanes.Create(2 / 21.0);
        odd = TLanes.MultiplyAdd(odd, w, TLanes.Create(2 / 17.0));
        odd = TLanes.MultiplyAdd(odd, w, TLanes.Create(2 / 13.0));
        odd = TLanes.MultiplyAdd(odd, w, TLanes.Create(2 / 9.0));
        odd = TLanes.MultiplyAdd(odd, w, TLanes.Create(2 / 5.0));
        var r = TLanes.MultiplyAdd(odd, z, even);
        var halfSquare = f * TLanes.Create(0.5) * f;
        var correction = halfSquare - s * TLanes.MultiplyAdd(r, z, halfSquare);

        var leading = TwoPartSum<TLanes>.Exact(k * TLanes.Create(Ln2High), f);
        return new(leading.High, leading.Low + (TLanes.MultiplyAdd(k, TLanes.Create(Ln2Low), TLanes.Create(0) - correction)));
    }

    /// <summary>ln x as a double whose conversion to float is the correctly rounded result; x is a float (so never a denormal double).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // see Elementary
    public static TLanes ForFloat<TLanes>(TLanes x)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        var zero = TLanes.Create(0);
        var result = Evaluate(x).RoundToOdd();
        result = TLanes.SelectLess(x, TLanes.Create(double.PositiveInfinity), result, x);
        var outside = TLanes.SelectEqual(x, zero, TLanes.Create(double.NegativeInfinity), TLanes.Create(double.NaN));
        return TLanes.SelectLess(zero, x, result, outside);
    }

    /// <summary>ln x with a relative error below 2⁻⁵².</summary>
    public static double ForDouble(double x)
    {
        if (!(x > 0))
            return x == 0 ? double.NegativeInfinity : double.NaN;
        if (double.IsPositiveInfinity(x))
            return x;
        if (double.IsNormal(x))
            return Evaluate(new DoubleLanes64(x)).Round().Value;

        const int Shift = 54;
        var shifted = Evaluate(new DoubleLanes64(x * (1L << Shift)));
        return shifted.High.Value - Shift * Ln2High + (shifted.Low.Value - Shift * Ln2Low);
    }
}
