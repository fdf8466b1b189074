using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

/// <summary>The 8 doubles to which the floats of a <see cref="Vector256{T}"/> widen, in two registers.</summary>
internal readonly struct DoubleLanes256 : IDoubleLanes<DoubleLanes256>
{
    private readonly Vector256<double> _lower;
    private readonly Vector256<double> _upper;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private DoubleLanes256(Vector256<double> lower, Vector256<double> upper)
    {
        _lower = lower;
        _upper = upper;
    }

    /// <summary>The floats' values, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Widen(Vector256<float> value) => new(Vector256.WidenLower(value), Vector256.WidenUpper(value));

    /// <summary>Each double rounded to the nearest float, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Narrow(DoubleLanes256 value) => Vector256.Narrow(value._lower, value._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 Create(double value) => new(Vector256.Create(value), Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 CreateFromBits(long bits) => new(Vector256.Create(bits).AsDouble(), Vector256.Create(bits).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 MultiplyAdd(DoubleLanes256 a, DoubleLanes256 b, DoubleLanes256 c) =>
        new(
            Vector256.FusedMultiplyAdd(a._lower, b._lower, c._lower),
            Vector256.FusedMultiplyAdd(a._upper, b._upper, c._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 SelectLess(DoubleLanes256 a, DoubleLanes256 b, DoubleLanes256 ifTrue, DoubleLanes256 ifFalse) =>
        new(
            Vector256.ConditionalSelect(Vector256.LessThan(a._lower, b._lower), ifTrue._lower, ifFalse._lower),
            Vector256.ConditionalSelect(Vector256.LessThan(a._upper, b._upper), ifTrue._upper, ifFalse._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 SelectEqual(DoubleLanes256 a, DoubleLanes256 b, DoubleLanes256 ifTrue, DoubleLanes256 ifFalse) =>
        new(
            Vector256.ConditionalSelect(Vector256.Equals(a._lower, b._lower), ifTrue._lower, ifFalse._lower),
            Vector256.ConditionalSelect(Vector256.Equals(a._upper, b._upper), ifTrue._upper, ifFalse._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 AddBits(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            (left._lower.AsInt64() + right._lower.AsInt64()).AsDouble(),
            (left._upper.AsInt64() + right._upper.AsInt64()).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 SubtractBits(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            (left._lower.AsInt64() - right._lower.AsInt64()).AsDouble(),
            (left._upper.AsInt64() - right._upper.AsInt64()).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 ShiftBitsLeft(DoubleLanes256 value, int count) =>
        new(
            (value._lower.AsInt64() << count).AsDouble(),
            (value._upper.AsInt64() << count).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 ShiftBitsRight(DoubleLanes256 value, int count) =>
        new(
            (value._lower.AsInt64() >>> count).AsDouble(),
            (value._upper.AsInt64() >>> count).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator +(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower + right._lower,
            left._upper + right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator -(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower - right._lower,
            left._upper - right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator *(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower * right._lower,
            left._upper * right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator /(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower / right._lower,
            left._upper / right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator &(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower & right._lower,
            left._upper & right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator |(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower | right._lower,
            left._upper | right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes256 operator ^(DoubleLanes256 left, DoubleLanes256 right) =>
        new(
            left._lower ^ right._lower,
            left._upper ^ right._upper);
}
