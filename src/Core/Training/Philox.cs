using System.Runtime.CompilerServices;

namespace DistTrain.Core.Training;

/// <summary>
/// Philox4x32-10, a counter-based random number generator: 128 random bits as a pure function of a 128-bit counter and a 64-bit key.
/// There is no state to advance, so any process can compute any value, in any order, and get the same bits.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), and its Random123 library.
/// </summary>
public static class Philox
{
    // Multipliers M and Weyl increments W of Random123's philox.h; W are the golden ratio and sqrt(3) - 1 in 32-bit fixed point.
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint KeyIncrement0 = 0x9E3779B9;
    private const uint KeyIncrement1 = 0xBB67AE85;
    private const int RoundCount = 10;

    /// <summary>The four random words of counter (<paramref name="counter0"/> … <paramref name="counter3"/>) under a key.</summary>
    /// <param name="counter0">Lowest word of the counter.</param>
    /// <param name="counter1">Second word of the counter.</param>
    /// <param name="counter2">Third word of the counter.</param>
    /// <param name="counter3">Highest word of the counter.</param>
    /// <param name="key0">Low word of the key.</param>
    /// <param name="key1">High word of the key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (uint Word0, uint Word1, uint Word2, uint Word3) Block(
        uint counter0, uint counter1, uint counter2, uint counter3, uint key0, uint key1)
    {
        for (var round = 0; round < RoundCount; round++)
        {
            var product0 = (ulong)Multiplier0 * counter0;
            var product1 = (ulong)Multiplier1 * counter2;
            counter0 = (uint)(product1 >> 32) ^ counter1 ^ key0;
            counter1 = (uint)product1;
            counter2 = (uint)(product0 >> 32) ^ counter3 ^ key1;
            counter3 = (uint)product0;
            key0 = unchecked(key0 + KeyIncrement0);
            key1 = unchecked(key1 + KeyIncrement1);
        }
        return (counter0, counter1, counter2, counter3);
    }
}
