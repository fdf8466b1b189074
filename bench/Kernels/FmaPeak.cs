using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using DistTrain.Core.Kernels;

namespace DistTrain.Bench.Kernels;

/// <summary>
/// What one core can do at most: independent chains of fused multiply-adds in registers, no memory. The limit to compare kernels with. Sixteen
/// chains where there are 32 registers, twelve where there are 16: all must stay there, and ten hide the slowest latency on two pipes.
/// </summary>
internal static class FmaPeak
{
    private const int Iterations = 500_000;

    private static bool HasManyRegisters => Avx512F.IsSupported || AdvSimd.Arm64.IsSupported;

    /// <summary>GFLOP/s of one run of some milliseconds, a multiply-add counted as two.</summary>
    public static double Measure<TLanes>(float seed)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var start = Stopwatch.GetTimestamp();
        Keep(RunChains<TLanes>(seed));
        return 2d * (HasManyRegisters ? 16 : 12) * TLanes.Count * Iterations / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    /// <summary>A method of its own: with a call after the loop the JIT would keep the chains in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static TLanes RunChains<TLanes>(float seed)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var x = TLanes.Create(seed);
        var y = TLanes.Create(1 - seed);
        TLanes c0 = x, c1 = x, c2 = x, c3 = x, c4 = x, c5 = x, c6 = x, c7 = x;
        TLanes c8 = x, c9 = x, c10 = x, c11 = x, c12 = x, c13 = x, c14 = x, c15 = x;
        for (var i = 0; i < Iterations; i++)
        {
            c0 = TLanes.MultiplyAdd(x, y, c0);
            c1 = TLanes.MultiplyAdd(x, y, c1);
            c2 = TLanes.MultiplyAdd(x, y, c2);
            c3 = TLanes.MultiplyAdd(x, y, c3);
            c4 = TLanes.MultiplyAdd(x, y, c4);
            c5 = TLanes.MultiplyAdd(x, y, c5);
            c6 = TLanes.MultiplyAdd(x, y, c6);
            c7 = TLanes.MultiplyAdd(x, y, c7);
            c8 = TLanes.MultiplyAdd(x, y, c8);
            c9 = TLanes.MultiplyAdd(x, y, c9);
            c10 = TLanes.MultiplyAdd(x, y, c10);
            c11 = TLanes.MultiplyAdd(x, y, c11);
            if (HasManyRegisters)
            {
                c12 = TLanes.MultiplyAdd(x, y, c12);
                c13 = TLanes.MultiplyAdd(x, y, c13);
                c14 = TLanes.MultiplyAdd(x, y, c14);
                c15 = TLanes.MultiplyAdd(x, y, c15);
            }
        }

        return c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11 + c12 + c13 + c14 + c15;
    }

    /// <summary>So that the loop has a reader.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep<TLanes>(TLanes value) => GC.KeepAlive(value);
}
