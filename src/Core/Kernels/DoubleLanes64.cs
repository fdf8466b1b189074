using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>One double.</summary>
internal readonly struct DoubleLanes64 : IDoubleLanes<DoubleLanes64>
{
    /// <summary>The number.</summary>
    public readonly double Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DoubleLanes64(double value) => Value = value;

    private long Bits => BitConverter.DoubleToInt64Bits(Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 Create(double value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 CreateFromBits(long bits) => new(BitConverter.Int64BitsToDouble(bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 MultiplyAdd(DoubleLanes64 a, DoubleLanes64 b, DoubleLanes64 c) =>
        new(Math.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 SelectLess(DoubleLanes64 a, DoubleLanes64 b, DoubleLanes64 ifTrue, DoubleLanes64 ifFalse) => a.Value < b.Value ? ifTrue : ifFalse;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 SelectEqual(DoubleLanes64 a, DoubleLanes64 b, DoubleLanes64 ifTrue, DoubleLanes64 ifFalse) => a.Value == b.Value ? ifTrue : ifFalse;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 AddBits(DoubleLanes64 left, DoubleLanes64 right) => CreateFromBits(unchecked(left.Bits + right.Bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 SubtractBits(DoubleLanes64 left, DoubleLanes64 right) => CreateFromBits(unchecked(left.Bits - right.Bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 ShiftBitsLeft(DoubleLanes64 value, int count) => CreateFromBits(value.Bits << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 ShiftBitsRight(DoubleLanes64 value, int count) => CreateFromBits(value.Bits >>> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator +(DoubleLanes64 left, DoubleLanes64 right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator -(DoubleLanes64 left, DoubleLanes64 right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator *(DoubleLanes64 left, DoubleLanes64 right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator /(DoubleLanes64 left, DoubleLanes64 right) => new(left.Value / right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator &(DoubleLanes64 left, DoubleLanes64 right) => CreateFromBits(left.Bits & right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator |(DoubleLanes64 left, DoubleLanes64 right) => CreateFromBits(left.Bits | right.Bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes64 operator ^(DoubleLanes64 left, DoubleLanes64 right) => CreateFromBits(left.Bits ^ right.Bits);
}
