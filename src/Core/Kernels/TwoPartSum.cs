using System.Runtime.CompilerServices;

namespace DistTrain.Core.Kernels;

/// <summary>
/// A number held as the unrounded sum of two doubles, <c>High + Low</c> with <c>|High| ≥ |Low|</c> or High = 0: about 2⁻⁵⁷ relative to
/// the exact result where one double could not be nearer than 2⁻⁵⁴. Every formula ends in one, and is rounded here, once.
/// </summary>
/// <typeparam name="TLanes">The doubles it is made of.</typeparam>
internal readonly struct TwoPartSum<TLanes>
    where TLanes : unmanaged, IDoubleLanes<TLanes>
{
    /// <summary>The larger part.</summary>
    public readonly TLanes High;

    /// <summary>What <see cref="High"/> lacks.</summary>
    public readonly TLanes Low;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TwoPartSum(TLanes high, TLanes low)
    {
        High = high;
        Low = low;
    }

    /// <summary><c>a + b</c> without error, for <c>|a| ≥ |b|</c> or a = 0 (Dekker 1971, "Fast2Sum").</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoPartSum<TLanes> Exact(TLanes a, TLanes b)
    {
        var sum = a + b;
        return new(sum, b - (sum - a));
    }

    /// <summary>The double nearest to the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Round() => High + Low;

    /// <summary>
    /// Of the two doubles around the sum, the one whose last bit is 1. A double with an odd last bit is never halfway between two floats
    /// and lies on the same side of every halfway point as the sum, so that the conversion to float, to nearest even, rounds the *sum*: no
    /// double rounding (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd").
    /// A sum that is exactly a float may come out one double beside it, which converts to that float. NaN stays NaN; infinities are not
    /// allowed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes RoundToOdd()
    {
        var nearest = Exact(High, Low);
        // 1 when `nearest` was rounded away from zero: then the sum lies between it and its predecessor.
        var tooFar = TLanes.ShiftBitsRight(nearest.High ^ nearest.Low, 63);
        return TLanes.SubtractBits(nearest.High, tooFar) | TLanes.CreateFromBits(1);
    }
}
