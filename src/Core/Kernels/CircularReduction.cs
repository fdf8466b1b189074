using System.Diagnostics;
using System.Numerics;

namespace DistTrain.Core.Kernels;

/// <summary>
/// Reduction of an angle to the nearest multiple of π/2, in integers, for every finite double (Payne and Hanek 1983): of the product of
/// x = m · 2ᵉ (m an integer below 2⁵³) and 2/π only the bits from weight 2 downwards matter, since a multiple of 4 is a whole turn.
/// </summary>
internal static class CircularReduction
{
    /// <summary>π/4 rounded to double.</summary>
    private const double QuarterPi = 0.7853981633974483;

    /// <summary>π/2 rounded to double.</summary>
    private const double HalfPiHigh = 1.5707963267948966;

    /// <summary>π/2 − <see cref="HalfPiHigh"/> rounded to double.</summary>
    private const double HalfPiLow = 6.123233995736766e-17;

    /// <summary>Fraction bits kept of x · 2/π; two more bits, the quadrant, fill three 64-bit words.</summary>
    private const int FractionBits = 190;

    /// <summary>
    /// 64 zero bits, then ⌊2/π · 2¹²⁸⁰⌋, most significant word first. 2/π from π = 16 · arctan(1/5) − 4 · arctan(1/239) (Machin); the
    /// tests compute it again.
    /// </summary>
    internal static ReadOnlySpan<ulong> TwoOverPi =>
    [
        0, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561, 0xB7246E3A424DD2E0, 0x06492EEA09D1921C,
        0xFE1DEB1CB129A73E, 0xE88235F52EBB4484, 0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
        0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08,
        0x56033046FC7B6BAB, 0xF0CFBC209AF4361D,
    ];

    /// <summary>
    /// <c>x = quadrant · π/2 + high + low</c> up to whole turns, with |high| ≤ π/4 and |low| below the last bits of high; relative error of
    /// high + low about 2⁻⁷⁵ for every double. NaN parts for an infinite or NaN x.
    /// </summary>
    /// <param name="x">The angle, not negative.</param>
    public static (int Quadrant, double High, double Low) Reduce(double x)
    {
        Debug.Assert(!(x < 0));
        if (x <= QuarterPi)
            return (0, x, 0);
        if (!double.IsFinite(x))
            return (0, double.NaN, double.NaN);

        // x = m · 2ᵉ, 2⁵² ≤ m < 2⁵³, e ≥ −53.
        var bits = BitConverter.DoubleToUInt64Bits(x);
        var exponent = (int)(bits >> 52) - 1075;
        var m = (bits & ((1UL << 52) - 1)) | (1UL << 52);

        // w = ⌊2/π · 2^(e + 190)⌋ mod 2¹⁹²: the 192 bits that end e + 190 places after the point. What is cut off weighs less than m · 2⁻¹⁹⁰.
        var first = 64 + exponent + FractionBits - 192;
        var w2 = Word(first);
        var w1 = Word(first + 64);
        var w0 = Word(first + 128);

        // p = m · w mod 2¹⁹² = x · 2/π mod 4, in units of 2⁻¹⁹⁰.
        var low = (UInt128)m * w0;
        var middle = (UInt128)m * w1 + (low >> 64);
        var p2 = unchecked(m * w2 + (ulong)(middle >> 64));
        var p1 = (ulong)middle;
        var p0 = (ulong)low;

        // The nearest quadrant, and the distance from it as a fraction of 2¹⁹²: the two quadrant bits shifted out, read with a sign.
        var quadrant = (int)(unchecked(p2 + (1UL << 61)) >> 62);
        var f2 = (p2 << 2) | (p1 >> 62);
        var f1 = (p1 << 2) | (p0 >> 62);
        var f0 = p0 << 2;
        var negative = (long)f2 < 0;
        if (negative)
            (f2, f1, f0) = Negate(f2, f1, f0);

        var (high, tail) = ToDoubles(f2, f1, f0);
        if (negative)
            (high, tail) = (-high, -tail);
        var product = high * HalfPiHigh;
        var error = Math.FusedMultiplyAdd(high, HalfPiHigh, -product);
        return (quadrant, product, error + (high * HalfPiLow + tail * HalfPiHigh));
    }

    /// <summary>The 64 bits of <see cref="TwoOverPi"/> that start at bit <paramref name="position"/>.</summary>
    private static ulong Word(int position)
    {
        var (index, shift) = (position >> 6, position & 63);
        var word = TwoOverPi[index] << shift;
        return shift == 0 ? word : word | (TwoOverPi[index + 1] >> (64 - shift));
    }

    /// <summary>2¹⁹² − f.</summary>
    private static (ulong F2, ulong F1, ulong F0) Negate(ulong f2, ulong f1, ulong f0)
    {
        var low = unchecked(UInt128.Zero - new UInt128(f1, f0));
        var borrow = low == 0 ? 0UL : 1UL;
        return (unchecked(0 - f2 - borrow), (ulong)(low >> 64), (ulong)low);
    }

    /// <summary>The fraction f / 2¹⁹² as its first 53 bits and its next 53.</summary>
    private static (double High, double Low) ToDoubles(ulong f2, ulong f1, ulong f0)
    {
        var leadingZeros = 0;
        if (f2 == 0)
        {
            (f2, f1, f0) = (f1, f0, 0);
            leadingZeros = 64;
        }

        var shift = BitOperations.LeadingZeroCount(f2); // below 64: x is at least 2⁻⁶³ or so away from any multiple of π/2
        leadingZeros += shift;
        var top = (new UInt128(f2, f1) << shift) | (shift == 0 ? 0 : f0 >> (64 - shift));
        var high = (ulong)(top >> 75);
        var low = (ulong)(top >> 22) & ((1UL << 53) - 1);
        return (high * PowerOfTwo(-53 - leadingZeros), low * PowerOfTwo(-106 - leadingZeros));
    }

    private static double PowerOfTwo(int exponent) => BitConverter.Int64BitsToDouble((long)(1023 + exponent) << 52);
}
