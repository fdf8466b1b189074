using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

/// <summary>The 16 doubles to which the floats of a <see cref="Vector512{T}"/> widen, in two registers.</summary>
internal readonly struct DoubleLanes512 : IDoubleLanes<DoubleLanes512>
{
    private readonly Vector512<double> _lower;
    private readonly Vector512<double> _upper;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private DoubleLanes512(Vector512<double> lower, Vector512<double> upper)
    {
        _lower = lower;
        _upper = upper;
    }

    /// <summary>The floats' values, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Widen(Vector512<float> value) => new(Vector512.WidenLower(value), Vector512.WidenUpper(value));

    /// <summary>Each double rounded to the nearest float, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Narrow(DoubleLanes512 value) => Vector512.Narrow(value._lower, value._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 Create(double value) => new(Vector512.Create(value), Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 CreateFromBits(long bits) => new(Vector512.Create(bits).AsDouble(), Vector512.Create(bits).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 MultiplyAdd(DoubleLanes512 a, DoubleLanes512 b, DoubleLanes512 c) =>
        new(
            Vector512.FusedMultiplyAdd(a._lower, b._lower, c._lower),
            Vector512.FusedMultiplyAdd(a._upper, b._upper, c._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 SelectLess(DoubleLanes512 a, DoubleLanes512 b, DoubleLanes512 ifTrue, DoubleLanes512 ifFalse) =>
        new(
            Vector512.ConditionalSelect(Vector512.LessThan(a._lower, b._lower), ifTrue._lower, ifFalse._lower),
            Vector512.ConditionalSelect(Vector512.LessThan(a._upper, b._upper), ifTrue._upper, ifFalse._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 SelectEqual(DoubleLanes512 a, DoubleLanes512 b, DoubleLanes512 ifTrue, DoubleLanes512 ifFalse) =>
        new(
            Vector512.ConditionalSelect(Vector512.Equals(a._lower, b._lower), ifTrue._lower, ifFalse._lower),
            Vector512.ConditionalSelect(Vector512.Equals(a._upper, b._upper), ifTrue._upper, ifFalse._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 AddBits(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            (left._lower.AsInt64() + right._lower.AsInt64()).AsDouble(),
            (left._upper.AsInt64() + right._upper.AsInt64()).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 SubtractBits(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            (left._lower.AsInt64() - right._lower.AsInt64()).AsDouble(),
            (left._upper.AsInt64() - right._upper.AsInt64()).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 ShiftBitsLeft(DoubleLanes512 value, int count) =>
        new(
            (value._lower.AsInt64() << count).AsDouble(),
            (value._upper.AsInt64() << count).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 ShiftBitsRight(DoubleLanes512 value, int count) =>
        new(
            (value._lower.AsInt64() >>> count).AsDouble(),
            (value._upper.AsInt64() >>> count).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator +(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower + right._lower,
            left._upper + right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator -(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower - right._lower,
            left._upper - right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator *(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower * right._lower,
            left._upper * right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator /(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower / right._lower,
            left._upper / right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator &(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower & right._lower,
            left._upper & right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator |(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower | right._lower,
            left._upper | right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes512 operator ^(DoubleLanes512 left, DoubleLanes512 right) =>
        new(
            left._lower ^ right._lower,
            left._upper ^ right._upper);
}
