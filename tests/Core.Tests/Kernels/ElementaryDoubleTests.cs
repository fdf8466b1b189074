using System.Globalization;
using System.Numerics;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Tests.Kernels;

public sealed class ElementaryDoubleTests
{
    /// <summary>What <see cref="Elementary"/> promises: 2⁻⁵², twice half a unit in the last place just above a power of two.</summary>
    private const double Tolerance = 1.0 / (1L << 52);

    [Theory]
    [InlineData(ElementaryFunction.Exp, -700, 700)]
    [InlineData(ElementaryFunction.Exp, -1, 1)]
    [InlineData(ElementaryFunction.Exp, -1e-5, 1e-5)]
    [InlineData(ElementaryFunction.Log, 0, 1e300)]
    [InlineData(ElementaryFunction.Log, 0, 10)]
    [InlineData(ElementaryFunction.Log, 0.9, 1.1)]
    [InlineData(ElementaryFunction.Log, 0.99999, 1.00001)]
    [InlineData(ElementaryFunction.Log, 0, 2.2250738585072014e-308)] // denormals
    [InlineData(ElementaryFunction.Tanh, -25, 25)]
    [InlineData(ElementaryFunction.Tanh, -1, 1)]
    [InlineData(ElementaryFunction.Tanh, -1e-5, 1e-5)]
    [InlineData(ElementaryFunction.Sin, -7, 7)]
    [InlineData(ElementaryFunction.Sin, -1e9, 1e9)]
    [InlineData(ElementaryFunction.Sin, -1e300, 1e300)]
    [InlineData(ElementaryFunction.Cos, -7, 7)]
    [InlineData(ElementaryFunction.Cos, -1e9, 1e9)]
    [InlineData(ElementaryFunction.Cos, -1e300, 1e300)]
    public void Double_RandomArguments_AreAccurate(ElementaryFunction function, double from, double to)
    {
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
            AssertAccurate(function, from + (to - from) * random.NextDouble());
    }

    /// <summary>Next to multiples of π/2 nearly all bits of the argument cancel.</summary>
    [Theory]
    [InlineData(ElementaryFunction.Sin)]
    [InlineData(ElementaryFunction.Cos)]
    public void Double_NearMultiplesOfHalfPi_IsAccurate(ElementaryFunction function)
    {
        for (var i = 1; i < 2_000; i++)
            AssertAccurate(function, i * (Math.PI / 2));
        // The double nearest to a multiple of π/2 of all: 2⁻⁶¹ away (Muller, "Elementary Functions", 2nd ed., table 9.2).
        AssertAccurate(function, Math.ScaleB(6381956970095103, 797));
    }

    [Theory]
    [InlineData(ElementaryFunction.Exp, double.NegativeInfinity, 0)]
    [InlineData(ElementaryFunction.Exp, -746, 0)]
    [InlineData(ElementaryFunction.Exp, -745, double.Epsilon)]
    [InlineData(ElementaryFunction.Exp, 0, 1)]
    [InlineData(ElementaryFunction.Exp, 709.782712893384, 1.7976931348622732e308)]
    [InlineData(ElementaryFunction.Exp, 710, double.PositiveInfinity)]
    [InlineData(ElementaryFunction.Exp, double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(ElementaryFunction.Exp, double.NaN, double.NaN)]
    [InlineData(ElementaryFunction.Log, -1, double.NaN)]
    [InlineData(ElementaryFunction.Log, 0, double.NegativeInfinity)]
    [InlineData(ElementaryFunction.Log, double.Epsilon, -744.4400719213812)]
    [InlineData(ElementaryFunction.Log, 1, 0)]
    [InlineData(ElementaryFunction.Log, double.PositiveInfinity, double.PositiveInfinity)]
    [InlineData(ElementaryFunction.Log, double.NaN, double.NaN)]
    [InlineData(ElementaryFunction.Tanh, -0.0, -0.0)]
    [InlineData(ElementaryFunction.Tanh, double.Epsilon, double.Epsilon)]
    [InlineData(ElementaryFunction.Tanh, double.NegativeInfinity, -1)]
    [InlineData(ElementaryFunction.Tanh, double.NaN, double.NaN)]
    [InlineData(ElementaryFunction.Sin, -0.0, -0.0)]
    [InlineData(ElementaryFunction.Sin, double.Epsilon, double.Epsilon)]
    [InlineData(ElementaryFunction.Sin, double.PositiveInfinity, double.NaN)]
    [InlineData(ElementaryFunction.Cos, 0, 1)]
    [InlineData(ElementaryFunction.Cos, double.NegativeInfinity, double.NaN)]
    [InlineData(ElementaryFunction.Cos, double.NaN, double.NaN)]
    public void Double_SpecialValue_IsExactlyThis(ElementaryFunction function, double x, double expected)
    {
        var actual = function.Double(x);
        Assert.True(
            BitConverter.DoubleToInt64Bits(expected) == BitConverter.DoubleToInt64Bits(actual) || (double.IsNaN(expected) && double.IsNaN(actual)),
            $"{function}({x:R}): expected {expected:R} but got {actual:R}");
    }

    [Fact]
    public void TwoOverPi_AgainstMachinsFormula_HasTheSameBits()
    {
        const int Bits = 2_000;
        var words = CircularReduction.TwoOverPi;
        var table = BigInteger.Zero;
        foreach (var word in words)
            table = (table << 64) | word;
        var expected = (BigInteger.One << (64 * (words.Length - 1) + Bits)) / PreciseFunctions.HalfPiWithBits(Bits);
        Assert.Equal(expected, table);
    }

    /// <summary>The yardstick itself, against published digits.</summary>
    [Theory]
    [InlineData(ElementaryFunction.Exp, 1, "27182818284590452353602874713526624977572470936999")]
    [InlineData(ElementaryFunction.Log, 10, "23025850929940456840179914546843642076011014886287")]
    [InlineData(ElementaryFunction.Tanh, 1, "76159415595576488811945828260479359041276859725793")]
    [InlineData(ElementaryFunction.Sin, 1, "84147098480789650665250232163029899962256306079837")]
    [InlineData(ElementaryFunction.Cos, 1, "54030230586813971740093660744297660373231042061792")]
    public void Precise_KnownValue_HasThePublishedDigits(ElementaryFunction function, double x, string digits)
    {
        var value = function.Precise(x);
        var scaled = (value.Significand * BigInteger.Pow(10, 80)) >> -value.Exponent;
        Assert.StartsWith(digits, scaled.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    private static void AssertAccurate(ElementaryFunction function, double x)
    {
        var error = function.Precise(x).RelativeErrorOf(function.Double(x));
        Assert.True(error <= Tolerance, $"{function}({x:R}): relative error {error}");
    }
}
