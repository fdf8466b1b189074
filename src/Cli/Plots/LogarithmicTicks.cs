using System.Globalization;
using ScottPlot.TickGenerators;

namespace DistTrain.Cli.Plots;

/// <summary>Ticks of an axis that shows logarithms to base 10: a label at each power of ten, over a short range also at its multiples by 2 and 5.</summary>
internal static class LogarithmicTicks
{
    /// <summary>Decades that still have room for labels in between.</summary>
    private const double ShortRange = 2.5;

    private const int LargestPlainExponent = 4;

    public static NumericManual Between(double low, double high)
    {
        var ticks = new NumericManual();
        var between = high - low < ShortRange;
        for (var exponent = (int)Math.Floor(low); exponent <= Math.Ceiling(high); exponent++)
        {
            for (var digit = 1; digit < 10; digit++)
            {
                var position = exponent + Math.Log10(digit);
                if (digit == 1 || (between && digit is (2 or 5)))
                {
                    ticks.AddMajor(position, Label(digit, exponent));
                }
                else
                {
                    ticks.AddMinor(position);
                }
            }
        }

        return ticks;
    }

    private static string Label(int digit, int exponent) => Math.Abs(exponent) < LargestPlainExponent
        ? (digit * Math.Pow(10, exponent)).ToString("0.####", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{digit}e{exponent}");
}
