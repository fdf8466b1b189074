using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

/// <summary>
/// The elementary functions of Core. For <see cref="float"/> they are correctly rounded: the result is the float nearest to the exact
/// value, ties to even, denormals included, at every vector width and on every processor; the platform's own functions promise neither.
/// For <see cref="double"/> their relative error is below 2⁻⁵², by the same formulas; they serve the gradient check.
/// NaN gives NaN (its payload is not specified); an operation without a real result gives NaN.
/// </summary>
/// <remarks>
/// Each formula is written once, over doubles of any width, ends in an unrounded two-part sum and is rounded once. The proof is a test
/// over all 2³² floats.
/// </remarks>
public static class Elementary
{
    /// <summary>eˣ: +0 below −104, +∞ above 89 (float).</summary>
    public static T Exp<T>(T x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(float))
            return From<T>((float)ExponentialFormula.ForFloat(Widen(x)).Value);
        return From<T>(ExponentialFormula.ForDouble(ToDouble(x)));
    }

    /// <summary>ln x: −∞ for ±0, NaN for negative x.</summary>
    public static T Log<T>(T x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(float))
            return From<T>((float)LogarithmFormula.ForFloat(Widen(x)).Value);
        return From<T>(LogarithmFormula.ForDouble(ToDouble(x)));
    }

    /// <summary>tanh x: ±0 for ±0, ±1 for ±∞.</summary>
    public static T Tanh<T>(T x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(float))
            return From<T>((float)HyperbolicTangentFormula.ForFloat(Widen(x)).Value);
        return From<T>(HyperbolicTangentFormula.ForDouble(ToDouble(x)));
    }

    /// <summary>sin x, x in radians, for every finite x; NaN for ±∞.</summary>
    public static T Sin<T>(T x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        if (x == T.Zero)
            return x;
        var sum = CircularFormulas.Sine(ToDouble(x));
        return typeof(T) == typeof(float) ? From<T>((float)sum.RoundToOdd().Value) : From<T>(sum.Round().Value);
    }

    /// <summary>cos x, x in radians, for every finite x; NaN for ±∞.</summary>
    public static T Cos<T>(T x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var sum = CircularFormulas.Cosine(ToDouble(x));
        return typeof(T) == typeof(float) ? From<T>((float)sum.RoundToOdd().Value) : From<T>(sum.Round().Value);
    }

    // Vectors: the floats widen to two registers of doubles (exactly), and Narrow rounds those to nearest even, once. Both registers go
    // through the formula together, so that their chains overlap, and each formula is a method of its own: inlined into a caller's loop
    // its many small operators would exceed the compiler's inlining budget and become calls.

    /// <summary>eˣ in every lane.</summary>
    public static Vector512<float> Exp(Vector512<float> x) =>
        DoubleLanes512.Narrow(ExponentialFormula.ForFloat(DoubleLanes512.Widen(x)));

    /// <summary>ln x in every lane.</summary>
    public static Vector512<float> Log(Vector512<float> x) =>
        DoubleLanes512.Narrow(LogarithmFormula.ForFloat(DoubleLanes512.Widen(x)));

    /// <summary>tanh x in every lane.</summary>
    public static Vector512<float> Tanh(Vector512<float> x) =>
        DoubleLanes512.Narrow(HyperbolicTangentFormula.ForFloat(DoubleLanes512.Widen(x)));

    /// <summary>eˣ in every lane.</summary>
    public static Vector256<float> Exp(Vector256<float> x) =>
        DoubleLanes256.Narrow(ExponentialFormula.ForFloat(DoubleLanes256.Widen(x)));

    /// <summary>ln x in every lane.</summary>
    public static Vector256<float> Log(Vector256<float> x) =>
        DoubleLanes256.Narrow(LogarithmFormula.ForFloat(DoubleLanes256.Widen(x)));

    /// <summary>tanh x in every lane.</summary>
    public static Vector256<float> Tanh(Vector256<float> x) =>
        DoubleLanes256.Narrow(HyperbolicTangentFormula.ForFloat(DoubleLanes256.Widen(x)));

    /// <summary>eˣ in every lane.</summary>
    public static Vector128<float> Exp(Vector128<float> x) =>
        DoubleLanes128.Narrow(ExponentialFormula.ForFloat(DoubleLanes128.Widen(x)));

    /// <summary>ln x in every lane.</summary>
    public static Vector128<float> Log(Vector128<float> x) =>
        DoubleLanes128.Narrow(LogarithmFormula.ForFloat(DoubleLanes128.Widen(x)));

    /// <summary>tanh x in every lane.</summary>
    public static Vector128<float> Tanh(Vector128<float> x) =>
        DoubleLanes128.Narrow(HyperbolicTangentFormula.ForFloat(DoubleLanes128.Widen(x)));

    private static DoubleLanes64 Widen<T>(T x)
        where T : IBinaryFloatingPointIeee754<T> => new(ToDouble(x));

    private static double ToDouble<T>(T x)
        where T : IBinaryFloatingPointIeee754<T> =>
        typeof(T) == typeof(float) ? Unsafe.BitCast<T, float>(x) : Unsafe.BitCast<T, double>(x);

    private static T From<T>(float value)
        where T : IBinaryFloatingPointIeee754<T> => Unsafe.BitCast<float, T>(value);

    private static T From<T>(double value)
        where T : IBinaryFloatingPointIeee754<T> => Unsafe.BitCast<double, T>(value);
}
