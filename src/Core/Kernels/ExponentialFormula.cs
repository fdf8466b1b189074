using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// <c>eˣ = 2ᵏ · eʳ</c> with k = x / ln 2 rounded to the nearest integer, so that |r| ≤ ln 2 / 2 ≈ 0.347, and
/// <c>eʳ = 1 + r + r²/2! + … + r¹⁴/14!</c>, Taylor's series: the first omitted term is below 2⁻⁶³.
/// </summary>
internal static class ExponentialFormula
{
    /// <summary>1 / ln 2.</summary>
    private const double Log2OfE = 1.4426950408889634;

    /// <summary>−ln 2 rounded to double.</summary>
    private const double MinusLn2High = -0.6931471805599453;

    /// <summary>−(ln 2 + <see cref="MinusLn2High"/>) rounded to double.</summary>
    private const double MinusLn2Low = -2.3190468138462996e-17;

    /// <summary>1.5 · 2⁵²: a double of this size has no fraction bits, so adding it rounds to an integer, which then sits in the low bits.</summary>
    private const double RoundingShift = 6755399441055744.0;

    private const long BitsOfOne = 0x3FF0_0000_0000_0000;

    /// <summary><c>eˣ</c> in its parts: <c>2ᵏ · (1 + High + Low)</c>, and <c>Shift</c> = k + 1.5 · 2⁵².</summary>
    /// <remarks>For |x| ≤ 746 and float-sized or double x alike: High = x − k · ln2High is exact (a multiple of 2⁻⁵⁴ below 0.347).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split<TLanes>(TLanes x, out TLanes shift, out TLanes high, out TLanes low)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        shift = TLanes.MultiplyAdd(x, TLanes.Create(Log2OfE), TLanes.Create(RoundingShift));
        var k = shift - TLanes.Create(RoundingShift);
        high = TLanes.MultiplyAdd(k, TLanes.Create(MinusLn2High), x);
        var tail = k * TLanes.Create(MinusLn2Low);
        var r = high + tail;

        // q = 1/2! + r/3! + … + r¹²/14!, as even + r · odd: two chains run side by side.
        var square = r * r;
        var even = TLanes.Create(1 / 87178291200.0);
        even = TLanes.MultiplyAdd(even, square, TLanes.Create(1 / 479001600.0));
        even = TLanes.MultiplyAdd(even, square, TLanes.Create(1 / 3628800.0));
        even = TLanes.MultiplyAdd(even, square, TLanes.Create(1 / 40320.0));
        even = TLanes.MultiplyAdd(even, square, TLanes.Create(1 / 720.0));
        even = TLanes.MultiplyAdd(even, square, TLanes.Create(1 / 24.0));
        even = TLanes.MultiplyAdd(even, square, TLanes.Create(1 / 2.0));
        var odd = TLanes.Create(1 / 6227020800.0);
        odd = TLanes.MultiplyAdd(odd, square, TLanes.Create(1 / 39916800.0));
        odd = TLanes.MultiplyAdd(odd, square, TLanes.Create(1 / 362880.0));
        odd = TLanes.MultiplyAdd(odd, square, TLanes.Create(1 / 5040.0));
        odd = TLanes.MultiplyAdd(odd, square, TLanes.Create(1 / 120.0));
        odd = TLanes.MultiplyAdd(odd, square, TLanes.Create(1 / 6.0));
        var q = TLanes.MultiplyAdd(odd, r, even);
        low = TLanes.MultiplyAdd(square, q, tail);
    }

    /// <summary>2ᵏ from <c>shift</c> = k + 1.5 · 2⁵², for −1022 ≤ k ≤ 1023.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes PowerOfTwo<TLanes>(TLanes shift)
        where TLanes : unmanaged, IDoubleLanes<TLanes> =>
        TLanes.AddBits(TLanes.ShiftBitsLeft(shift, 52), TLanes.CreateFromBits(BitsOfOne));

    /// <summary>eˣ as a double whose conversion to float is the correctly rounded result; x is a float.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // see Elementary
    public static TLanes ForFloat<TLanes>(TLanes x)
        where TLanes : unmanaged, IDoubleLanes<TLanes>
    {
        // Beyond these the float result is +0 or +∞ whatever x: e⁻¹⁰⁴ < 2⁻¹⁵⁰, e⁸⁹ > 2¹²⁸. A NaN compares false and stays.
        var lowest = TLanes.Create(-104);
        var highest = TLanes.Create(89);
        x = TLanes.SelectLess(x, lowest, lowest, x);
        x = TLanes.SelectLess(highest, x, highest, x);

        Split(x, out var shift, out var high, out var low);
        var leading = TwoPartSum<TLanes>.Exact(TLanes.Create(1), high);
        var sum = new TwoPartSum<TLanes>(leading.High, leading.Low + low);
        // Multiplied, not added to the exponent bits: NaN · anything is NaN. The product is exact, denormal floats being normal doubles.
        return sum.RoundToOdd() * PowerOfTwo(shift);
    }

    /// <summary>eˣ with a relative error below 2⁻⁵².</summary>
    public static double ForDouble(double x)
    {
        // e⁻⁷⁴⁶ < 2⁻¹⁰⁷⁵, e⁷¹⁰ > 2¹⁰²⁴.
        x = x < -746 ? -746 : x > 710 ? 710 : x;
        Split(new DoubleLanes64(x), out var shift, out var high, out var low);
        var leading = TwoPartSum<DoubleLanes64>.Exact(new(1), high);
        var value = leading.High.Value + (leading.Low.Value + low.Value);

        // k reaches −1076 and 1024: in two factors, each within the range of normal doubles; only the second product can round.
        var k = shift.Value - RoundingShift;
        var half = new DoubleLanes64(RoundingShift + (k < 0 ? -512 : 512));
        var rest = new DoubleLanes64(RoundingShift + (k < 0 ? k + 512 : k - 512));
        return value * PowerOfTwo(half).Value * PowerOfTwo(rest).Value;
    }
}
