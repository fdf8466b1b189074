using System.Numerics;

namespace DistTrain.Core.Tests.Kernels;

/// <summary><c>Significand · 2^Exponent</c>, exactly.</summary>
internal readonly record struct BinaryNumber(BigInteger Significand, int Exponent)
{
    /// <summary>The value of a finite double.</summary>
    public static BinaryNumber From(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var field = (int)((bits >> 52) & 0x7FF);
        var fraction = bits & ((1L << 52) - 1);
        var significand = field == 0 ? fraction : fraction | (1L << 52);
        return new(bits < 0 ? -significand : significand, Math.Max(field, 1) - 1075);
    }

    /// <summary>⌊value · 2^fractionBits⌋.</summary>
    public BigInteger ToFixed(int fractionBits)
    {
        var shift = Exponent + fractionBits;
        return shift >= 0 ? Significand << shift : Significand >> -shift;
    }

    /// <summary>The nearest float, and how far the value is from the nearest point halfway between two floats, in their distance.</summary>
    public (float Value, double Margin) RoundToSingle()
    {
        var magnitude = BigInteger.Abs(Significand);
        if (magnitude.IsZero)
            return (0, 0.5);

        // The unit in the last place is 2^unit; 64 more bits tell the margin.
        var unit = Math.Max((int)magnitude.GetBitLength() + Exponent - 24, -149);
        var scaled = new BinaryNumber(magnitude, Exponent).ToFixed(64 - unit);
        var count = (long)(scaled >> 64);
        var distance = unchecked((long)((ulong)(scaled & ulong.MaxValue) - (1UL << 63)));
        var margin = Math.Abs((double)distance) / Math.ScaleB(1, 64);
        if (distance > 0)
            count++;
        var value = (float)Math.ScaleB(count, unit); // exact, or infinity
        return (Significand.Sign < 0 ? -value : value, margin);
    }

    /// <summary>|approximation − value| / |value|.</summary>
    public double RelativeErrorOf(double approximation)
    {
        var other = From(approximation);
        var exponent = Math.Min(Exponent, other.Exponent);
        var value = Significand << (Exponent - exponent);
        var difference = BigInteger.Abs((other.Significand << (other.Exponent - exponent)) - value);
        return value.IsZero ? (difference.IsZero ? 0 : 1) : (double)((difference << 200) / BigInteger.Abs(value)) * Math.ScaleB(1, -200);
    }
}
