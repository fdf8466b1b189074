namespace DistTrain.Core.Kernels;

/// <summary>
/// The doubles in which <see cref="Elementary"/> evaluates its formulas: one scalar or one SIMD register. Every operation is exact or
/// correctly rounded (IEEE 754), so a formula written once over <typeparamref name="TSelf"/> gives the same bits at every width.
/// </summary>
/// <typeparam name="TSelf">The lanes themselves.</typeparam>
internal interface IDoubleLanes<TSelf>
    where TSelf : unmanaged, IDoubleLanes<TSelf>
{
    /// <summary><paramref name="value"/> in every lane.</summary>
    static abstract TSelf Create(double value);

    /// <summary>The double with these 64 bits in every lane.</summary>
    static abstract TSelf CreateFromBits(long bits);

    /// <summary><c>a · b + c</c>, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>Per lane: <c>a &lt; b ? ifTrue : ifFalse</c>; a NaN in either compares false.</summary>
    static abstract TSelf SelectLess(TSelf a, TSelf b, TSelf ifTrue, TSelf ifFalse);

    /// <summary>Per lane: <c>a == b ? ifTrue : ifFalse</c>; a NaN in either compares false.</summary>
    static abstract TSelf SelectEqual(TSelf a, TSelf b, TSelf ifTrue, TSelf ifFalse);

    /// <summary>Adds the lanes' bits as 64-bit integers, wrapping.</summary>
    static abstract TSelf AddBits(TSelf left, TSelf right);

    /// <summary>Subtracts the lanes' bits as 64-bit integers, wrapping.</summary>
    static abstract TSelf SubtractBits(TSelf left, TSelf right);

    /// <summary>Shifts the lanes' bits left; zeros come in.</summary>
    static abstract TSelf ShiftBitsLeft(TSelf value, int count);

    /// <summary>Shifts the lanes' bits right; zeros come in.</summary>
    static abstract TSelf ShiftBitsRight(TSelf value, int count);

    /// <summary>Sum, rounded to nearest even.</summary>
    static abstract TSelf operator +(TSelf left, TSelf right);

    /// <summary>Difference, rounded to nearest even.</summary>
    static abstract TSelf operator -(TSelf left, TSelf right);

    /// <summary>Product, rounded to nearest even.</summary>
    static abstract TSelf operator *(TSelf left, TSelf right);

    /// <summary>Quotient, rounded to nearest even.</summary>
    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>Bitwise and.</summary>
    static abstract TSelf operator &(TSelf left, TSelf right);

    /// <summary>Bitwise or.</summary>
    static abstract TSelf operator |(TSelf left, TSelf right);

    /// <summary>Bitwise exclusive or.</summary>
    static abstract TSelf operator ^(TSelf left, TSelf right);
}
