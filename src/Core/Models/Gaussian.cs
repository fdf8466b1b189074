using DistTrain.Core.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Models;

/// <summary>
/// Normal random numbers by Box and Muller (1958): r = √(−2 ln u), and r · cos 2πv, r · sin 2πv for uniform u in (0, 1], v in [0, 1).
/// Philox block e gives elements 4e to 4e + 3, so any element can be had without the others.
/// </summary>
internal static class Gaussian
{
    private const float TwoPi = 6.2831853071795864769f;

    public static void Fill(Span<float> values, float standardDeviation, ulong seed, int layer)
    {
        var stream = new RandomStream(seed, RandomPurpose.Weights, layer, 0, 0);
        for (var i = 0; i < values.Length; i += 4)
        {
            var block = stream.Block((uint)(i / 4));
            var (n0, n1) = Pair(block.Word0, block.Word1);
            var (n2, n3) = Pair(block.Word2, block.Word3);
            ReadOnlySpan<float> four = [n0, n1, n2, n3];
            for (var j = 0; j < 4 && i + j < values.Length; j++)
            {
                values[i + j] = four[j] * standardDeviation;
            }
        }
    }

    private static (float First, float Second) Pair(uint a, uint b)
    {
        // 24 bits each: exact in binary32, and u is never 0.
        var u = RandomStream.ToUnit(a);
        var v = (b >> 8) * (1f / (1 << 24));
        var radius = MathF.Sqrt(-2f * Elementary.Log(u));
        return (radius * Elementary.Cos(TwoPi * v), radius * Elementary.Sin(TwoPi * v));
    }
}
