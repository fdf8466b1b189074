using CsCheck;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class RandomStreamTests
{
    private static readonly RandomStream Stream = new(seed: 0x0123456789abcdef, RandomPurpose.Dropout, 3, (5L << 32) + 7, 11);

    [Fact]
    public void Block_FullKey_UsesTheDocumentedLayout() =>
        Assert.Equal(Philox.Block(2, 11, 7, (3u << 24) | (5u << 16) | 3, 0x89abcdef, 0x01234567), Stream.Block(2));

    [Fact]
    public void Bits_ElementsOfABlock_AreItsWordsInOrder()
    {
        var (word0, word1, word2, word3) = Stream.Block(6);
        Assert.Equal([word0, word1, word2, word3], Enumerable.Range(24, 4).Select(element => Stream.Bits32(element)));
        Assert.Equal([word0 | ((ulong)word1 << 32), word2 | ((ulong)word3 << 32)], [Stream.Bits64(12), Stream.Bits64(13)]);
    }

    [Fact]
    public void ToUnit_Extremes_StayInHalfOpenInterval()
    {
        Assert.Equal(1f / (1 << 24), RandomStream.ToUnit(0));
        Assert.Equal(1f, RandomStream.ToUnit(uint.MaxValue));
        Assert.Equal(0.5f, RandomStream.ToUnit((1u << 31) - 1));
    }

    [Fact]
    public void ToBelow_AnyBits_IsTheFlooredProduct() =>
        Gen.Select(Gen.ULong, Gen.Int[1, int.MaxValue]).Sample((bits, bound) =>
            Assert.Equal((int)(((UInt128)bits * (ulong)bound) >> 64), RandomStream.ToBelow(bits, bound)));

    [Fact]
    public void Below_ManyDraws_IsUniform()
    {
        var counts = new int[10];
        for (var element = 0; element < 100_000; element++) counts[Stream.Below(element, counts.Length)]++;
        // Binomial(100000, 0.1): the standard deviation is 95, so 500 is beyond five of them.
        Assert.All(counts, count => Assert.InRange(count, 9_500, 10_500));
    }

    [Theory]
    [InlineData(0, 0, 0, 0)]
    [InlineData(256, 0, 0, 0)]
    [InlineData(1, -1, 0, 0)]
    [InlineData(1, 1 << 16, 0, 0)]
    [InlineData(1, 0, -1, 0)]
    [InlineData(1, 0, 1L << 40, 0)]
    [InlineData(1, 0, 0, -1)]
    [InlineData(1, 0, 0, 1L << 32)]
    public void Constructor_PartOutsideItsRange_Throws(int purpose, int layer, long step, long position) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomStream(1, (RandomPurpose)purpose, layer, step, position));

    [Fact]
    public void Constructor_LargestParts_AreDistinctFromSmaller()
    {
        var largest = new RandomStream(1, (RandomPurpose)255, (1 << 16) - 1, (1L << 40) - 1, (1L << 32) - 1);
        Assert.Equal(Philox.Block(uint.MaxValue, ~0u, ~0u, ~0u, 1, 0), largest.Block(uint.MaxValue));
        Assert.Throws<OverflowException>(() => largest.Bits32(1L << 34));
        Assert.Throws<OverflowException>(() => largest.Bits32(-1));
    }
}
