using System.Numerics;

namespace DistTrain.Core.Kernels;

/// <summary>
/// A fixed number of numbers processed together: one scalar or one SIMD register. A formula written once over
/// <typeparamref name="TSelf"/> runs at every width, and since every operation here is correctly rounded (IEEE 754 add, multiply,
/// divide, square root, fused multiply-add; <see cref="Elementary"/> for the transcendental ones) it gives the same bits at every width.
/// </summary>
/// <typeparam name="TSelf">The lanes themselves.</typeparam>
/// <typeparam name="T">The element type, <see cref="float"/> or <see cref="double"/>.</typeparam>
public unsafe interface ILanes<TSelf, T> :
    IAdditionOperators<TSelf, TSelf, TSelf>,
    ISubtractionOperators<TSelf, TSelf, TSelf>,
    IMultiplyOperators<TSelf, TSelf, TSelf>,
    IDivisionOperators<TSelf, TSelf, TSelf>,
    IUnaryNegationOperators<TSelf, TSelf>
    where TSelf : unmanaged, ILanes<TSelf, T>
    where T : unmanaged
{
    /// <summary>How many elements one value holds.</summary>
    static abstract int Count { get; }

    /// <summary>+0 in every lane.</summary>
    static abstract TSelf Zero { get; }

    /// <summary><paramref name="value"/> in every lane.</summary>
    static abstract TSelf Create(T value);

    /// <summary>The <see cref="Count"/> elements at <paramref name="source"/>; no alignment is required.</summary>
    static abstract TSelf Load(T* source);

    /// <summary>The <see cref="Count"/> bytes at <paramref name="source"/> as numbers, exactly.</summary>
    static abstract TSelf LoadBytes(byte* source);

    /// <summary>Writes <see cref="Count"/> elements to <paramref name="destination"/>; no alignment is required.</summary>
    static abstract void Store(TSelf value, T* destination);

    /// <summary><c>a · b + c</c>, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>Square root, correctly rounded.</summary>
    static abstract TSelf Sqrt(TSelf value);

    /// <summary><c>sums[i] ← fma(x, x, sums[i])</c> in double for the <see cref="Count"/> lanes x; the square of a float is exact there.</summary>
    static abstract void AddSquares(TSelf values, double* sums);

    /// <summary>The value without its sign bit.</summary>
    static abstract TSelf Abs(TSelf value);

    /// <summary>Per lane: <c>a &lt;= b ? ifTrue : ifFalse</c>; a NaN in either compares false.</summary>
    static abstract TSelf SelectLessOrEqual(TSelf a, TSelf b, TSelf ifTrue, TSelf ifFalse);

    /// <summary>eˣ, correctly rounded for <see cref="float"/>.</summary>
    static abstract TSelf Exp(TSelf x);

    /// <summary>ln x, correctly rounded for <see cref="float"/>.</summary>
    static abstract TSelf Log(TSelf x);

    /// <summary>tanh x, correctly rounded for <see cref="float"/>.</summary>
    static abstract TSelf Tanh(TSelf x);
}
