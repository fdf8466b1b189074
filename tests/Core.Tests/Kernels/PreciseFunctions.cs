using System.Numerics;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>
/// The elementary functions in fixed point with 512 fraction bits, by plain series and with constants of its own: shares no code, constant
/// or method with the ones under test. At least 300 bits of every result are right for |x| ≥ 2⁻¹⁵⁰.
/// </summary>
internal static class PreciseFunctions
{
    private const int Bits = 512;
    private const int AngleBits = Bits + 1100; // π to so many bits reduces the largest double
    private static readonly BigInteger One = BigInteger.One << Bits;

    /// <summary>ln 2 = 2 · artanh(1/3).</summary>
    private static readonly BigInteger Ln2 = 2 * InverseHyperbolicTangent(One / 3);

    /// <summary>π/2 by Machin's formula, with <see cref="AngleBits"/> fraction bits.</summary>
    private static readonly BigInteger HalfPi = HalfPiWithBits(AngleBits);

    /// <summary>⌊π/2 · 2^bits⌋: π/4 = 4 · arctan(1/5) − arctan(1/239).</summary>
    public static BigInteger HalfPiWithBits(int bits) =>
        (8 * InverseTangentOfReciprocal(5, bits + 64) - 2 * InverseTangentOfReciprocal(239, bits + 64)) >> 64;

    public static BinaryNumber Exp(double x)
    {
        var (value, exponent) = ExpFixed(BinaryNumber.From(x).ToFixed(Bits));
        return new(value, exponent - Bits);
    }

    public static BinaryNumber Log(double x)
    {
        var number = BinaryNumber.From(x);
        var length = (int)number.Significand.GetBitLength();
        var k = number.Exponent + length;
        var m = new BinaryNumber(number.Significand, -length).ToFixed(Bits); // ½ ≤ m < 1
        if (m * m < One << (Bits - 1))
        {
            m <<= 1;
            k--;
        }

        var logarithm = 2 * InverseHyperbolicTangent(((m - One) << Bits) / (m + One));
        return new(k * Ln2 + logarithm, -Bits);
    }

    public static BinaryNumber Tanh(double x)
    {
        var magnitude = Math.Min(Math.Abs(x), 100); // 1 − tanh 100 < 2⁻²⁸⁷
        var (value, exponent) = ExpFixed(BinaryNumber.From(2 * magnitude).ToFixed(Bits));
        value <<= exponent;
        var quotient = ((value - One) << Bits) / (value + One);
        return new(x < 0 ? -quotient : quotient, -Bits);
    }

    public static BinaryNumber Sin(double x) => Circular(x, 0);

    public static BinaryNumber Cos(double x) => Circular(x, 1);

    private static BinaryNumber Circular(double x, int quarterTurns)
    {
        var angle = BinaryNumber.From(x).ToFixed(AngleBits) + (HalfPi >> 1);
        var quadrant = BigInteger.DivRem(angle, HalfPi, out var rest);
        if (rest.Sign < 0)
        {
            rest += HalfPi;
            quadrant--;
        }

        var r = (rest - (HalfPi >> 1)) >> (AngleBits - Bits);
        var turn = (int)(((quadrant + quarterTurns) % 4 + 4) % 4);
        var square = -(r * r) >> Bits;
        var value = (turn & 1) == 0 ? Series(r, square, 2) : Series(One, square, 1);
        return new(turn < 2 ? value : -value, -Bits);

        // first · (1 + s/(n(n+1)) + s²/(n(n+1)(n+2)(n+3)) + …)
        static BigInteger Series(BigInteger first, BigInteger square, int n)
        {
            var sum = first;
            for (var term = first; !term.IsZero; n += 2)
            {
                term = term * square / ((BigInteger)n * (n + 1)) / One;
                sum += term;
            }

            return sum;
        }
    }

    /// <summary>eˣ = value · 2^exponent, in fixed point.</summary>
    private static (BigInteger Value, int Exponent) ExpFixed(BigInteger x)
    {
        var k = (int)((2 * x + Ln2) / (2 * Ln2));
        var r = x - k * Ln2;
        var sum = One;
        var term = One;
        for (var n = 1; !term.IsZero; n++)
        {
            term = term * r / One / n;
            sum += term;
        }

        return (sum, k);
    }

    private static BigInteger InverseHyperbolicTangent(BigInteger z)
    {
        var square = (z * z) >> Bits;
        var (power, sum) = (z, z);
        for (var n = 3; !power.IsZero; n += 2)
        {
            power = power * square / One;
            sum += power / n;
        }

        return sum;
    }

    private static BigInteger InverseTangentOfReciprocal(int divisor, int bits)
    {
        var power = (BigInteger.One << bits) / divisor;
        var sum = power;
        for (var n = 3; !power.IsZero; n += 2)
        {
            power /= -divisor * divisor;
            sum += power / n;
        }

        return sum;
    }
}
