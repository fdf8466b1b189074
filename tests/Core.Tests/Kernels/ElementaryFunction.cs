using System.Runtime.Intrinsics;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>The functions of <see cref="Elementary"/>, as the tests' cases.</summary>
public enum ElementaryFunction
{
    Exp,
    Log,
    Tanh,
    Sin,
    Cos,
}

internal static class ElementaryFunctions
{
    /// <summary>Every platform function used for the quick check is nearer to the exact value than this, relatively (asserted by sampling).</summary>
    public static readonly double EstimateBound = Math.ScaleB(1, -46);

    /// <summary>Floats processed at once, per implementation; 1 is the scalar.</summary>
    public static int[] Widths(this ElementaryFunction function) =>
        function is ElementaryFunction.Sin or ElementaryFunction.Cos ? [1] : [1, 4, 8, 16];

    /// <summary>The platform's function: quick, and good to <see cref="EstimateBound"/>.</summary>
    public static double Estimate(this ElementaryFunction function, double x) => function switch
    {
        ElementaryFunction.Exp => Math.Exp(x),
        ElementaryFunction.Log => Math.Log(x),
        ElementaryFunction.Tanh => Math.Tanh(x),
        ElementaryFunction.Sin => Math.Sin(x),
        _ => Math.Cos(x),
    };

    /// <summary>Some 300 bits of the function, for finite x with a finite result.</summary>
    public static BinaryNumber Precise(this ElementaryFunction function, double x) => function switch
    {
        ElementaryFunction.Exp => PreciseFunctions.Exp(x),
        ElementaryFunction.Log => PreciseFunctions.Log(x),
        ElementaryFunction.Tanh => PreciseFunctions.Tanh(x),
        ElementaryFunction.Sin => PreciseFunctions.Sin(x),
        _ => PreciseFunctions.Cos(x),
    };

    /// <summary>The double under test.</summary>
    public static double Double(this ElementaryFunction function, double x) => function switch
    {
        ElementaryFunction.Exp => Elementary.Exp(x),
        ElementaryFunction.Log => Elementary.Log(x),
        ElementaryFunction.Tanh => Elementary.Tanh(x),
        ElementaryFunction.Sin => Elementary.Sin(x),
        _ => Elementary.Cos(x),
    };

    /// <summary>
    /// The correctly rounded float: from the platform's double where both ends of its enclosure round alike, else from
    /// <see cref="PreciseFunctions"/>. <paramref name="margin"/> is the distance to the nearest halfway point in float steps, 1 if not looked at.
    /// </summary>
    public static float Expected(this ElementaryFunction function, float x, out double margin)
    {
        margin = 1;
        var estimate = function.Estimate(x);
        if (!double.IsFinite(estimate) || estimate == 0)
            return (float)estimate;
        var radius = Math.Abs(estimate) * EstimateBound;
        var (low, high) = ((float)(estimate - radius), (float)(estimate + radius));
        if (SameBits(low, high))
            return low;
        (var value, margin) = function.Precise(x).RoundToSingle();
        Assert.True(margin > Math.ScaleB(1, -60), $"{function}({x:R}) is a tie as far as can be seen");
        return value;
    }

    /// <summary>Equal bits, or both NaN.</summary>
    public static bool SameBits(float a, float b) =>
        BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b) || (float.IsNaN(a) && float.IsNaN(b));

    /// <summary>The floats under test, at one width; the lengths are equal and multiples of the width.</summary>
    public static void Evaluate(this ElementaryFunction function, int width, ReadOnlySpan<float> x, Span<float> result)
    {
        for (var i = 0; i < x.Length; i += width)
        {
            var source = x[i..];
            var destination = result[i..];
            switch (function, width)
            {
                case (ElementaryFunction.Exp, 16): Elementary.Exp(Vector512.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Exp, 8): Elementary.Exp(Vector256.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Exp, 4): Elementary.Exp(Vector128.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Exp, _): destination[0] = Elementary.Exp(source[0]); break;
                case (ElementaryFunction.Log, 16): Elementary.Log(Vector512.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Log, 8): Elementary.Log(Vector256.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Log, 4): Elementary.Log(Vector128.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Log, _): destination[0] = Elementary.Log(source[0]); break;
                case (ElementaryFunction.Tanh, 16): Elementary.Tanh(Vector512.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Tanh, 8): Elementary.Tanh(Vector256.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Tanh, 4): Elementary.Tanh(Vector128.Create(source)).CopyTo(destination); break;
                case (ElementaryFunction.Tanh, _): destination[0] = Elementary.Tanh(source[0]); break;
                case (ElementaryFunction.Sin, _): destination[0] = Elementary.Sin(source[0]); break;
                default: destination[0] = Elementary.Cos(source[0]); break;
            }
        }
    }
}
