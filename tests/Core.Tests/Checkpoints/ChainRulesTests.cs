using DistTrain.Core.Checkpoints;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class ChainRulesTests
{
    /// <summary>A letter stands for a hash, a dot for an unknown one.</summary>
    [Theory]
    [InlineData("abcd", "abcd", null, null, 3L, 0L)]
    [InlineData("abcd", "ab", null, null, 1L, 0L)]
    [InlineData("abcd", "abxy", 2L, null, 1L, 0L)]
    [InlineData("abcd", "xyzw", 0L, null, null, 0L)]
    [InlineData("abcd", "abxd", 2L, 3L, 1L, 0L)]
    [InlineData("abcde", "axyde", 1L, 3L, 0L, 0L)]
    [InlineData("a..d", "abcd", null, null, 3L, 2L)]
    [InlineData("a.cd", "ab.x", 3L, null, 0L, 2L)]
    [InlineData("abcde", "ax.d.", 1L, 3L, 0L, 0L)]
    [InlineData("ab..", "..cd", null, null, null, 4L)]
    [InlineData("", "abcd", null, null, null, 0L)]
    public void Compare_TwoChains_FindsWhereTheyPart(string first, string second, long? difference, long? equalAgain, long? lastEqual, long unknown) =>
        Assert.Equal(new ChainComparison(difference, equalAgain, lastEqual, unknown), ChainRules.Compare(Chain(first), Chain(second)));

    private static UInt128[] Chain(string letters) => [.. letters.Select(letter => letter == '.' ? UInt128.Zero : letter)];
}
