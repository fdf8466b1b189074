using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

/// <summary>The 4 doubles to which the floats of a <see cref="Vector128{T}"/> widen, in two registers.</summary>
internal readonly struct DoubleLanes128 : IDoubleLanes<DoubleLanes128>
{
    private readonly Vector128<double> _lower;
    private readonly Vector128<double> _upper;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private DoubleLanes128(Vector128<double> lower, Vector128<double> upper)
    {
        _lower = lower;
        _upper = upper;
    }

    /// <summary>The floats' values, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Widen(Vector128<float> value) => new(Vector128.WidenLower(value), Vector128.WidenUpper(value));

    /// <summary>Each double rounded to the nearest float, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Narrow(DoubleLanes128 value) => Vector128.Narrow(value._lower, value._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 Create(double value) => new(Vector128.Create(value), Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 CreateFromBits(long bits) => new(Vector128.Create(bits).AsDouble(), Vector128.Create(bits).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 MultiplyAdd(DoubleLanes128 a, DoubleLanes128 b, DoubleLanes128 c) =>
        new(
            Vector128.FusedMultiplyAdd(a._lower, b._lower, c._lower),
            Vector128.FusedMultiplyAdd(a._upper, b._upper, c._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 SelectLess(DoubleLanes128 a, DoubleLanes128 b, DoubleLanes128 ifTrue, DoubleLanes128 ifFalse) =>
        new(
            Vector128.ConditionalSelect(Vector128.LessThan(a._lower, b._lower), ifTrue._lower, ifFalse._lower),
            Vector128.ConditionalSelect(Vector128.LessThan(a._upper, b._upper), ifTrue._upper, ifFalse._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 SelectEqual(DoubleLanes128 a, DoubleLanes128 b, DoubleLanes128 ifTrue, DoubleLanes128 ifFalse) =>
        new(
            Vector128.ConditionalSelect(Vector128.Equals(a._lower, b._lower), ifTrue._lower, ifFalse._lower),
            Vector128.ConditionalSelect(Vector128.Equals(a._upper, b._upper), ifTrue._upper, ifFalse._upper));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 AddBits(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            (left._lower.AsInt64() + right._lower.AsInt64()).AsDouble(),
            (left._upper.AsInt64() + right._upper.AsInt64()).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 SubtractBits(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            (left._lower.AsInt64() - right._lower.AsInt64()).AsDouble(),
            (left._upper.AsInt64() - right._upper.AsInt64()).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 ShiftBitsLeft(DoubleLanes128 value, int count) =>
        new(
            (value._lower.AsInt64() << count).AsDouble(),
            (value._upper.AsInt64() << count).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 ShiftBitsRight(DoubleLanes128 value, int count) =>
        new(
            (value._lower.AsInt64() >>> count).AsDouble(),
            (value._upper.AsInt64() >>> count).AsDouble());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator +(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower + right._lower,
            left._upper + right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator -(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower - right._lower,
            left._upper - right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator *(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower * right._lower,
            left._upper * right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator /(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower / right._lower,
            left._upper / right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator &(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower & right._lower,
            left._upper & right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator |(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower | right._lower,
            left._upper | right._upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes128 operator ^(DoubleLanes128 left, DoubleLanes128 right) =>
        new(
            left._lower ^ right._lower,
            left._upper ^ right._upper);
}
