using DistTrain.Cli.Comparison;

namespace DistTrain.Cli.Tests.Comparison;

public sealed class ContenderRulesTests
{
    [Fact]
    public void Of_CountsWithoutZero_HasBothBaselinesNevertheless() => Assert.Equal(
        [new(0, 1), new(0, 4), new(2, 2), new(4, 1)], ContenderRules.Of([4, 2], count => 4 / count, cores: 4));

    [Fact]
    public void Of_BaselineAskedFor_IsThereOnce() => Assert.Equal(
        [new(0, 1), new(0, 2), new(1, 2), new(2, 1)], ContenderRules.Of([0, 1, 2], count => count == 2 ? 1 : 2, cores: 2));

    [Fact]
    public void Of_NoWorkersAtAll_IsComparedWithOneThread() => Assert.Equal([new(0, 1), new(0, 8)], ContenderRules.Of([0], _ => 8, cores: 8));

    [Theory]
    [InlineData(8, 1, 2, 2)]
    [InlineData(2, 1, 2, 2)]
    [InlineData(2, 3, 2, 3)]
    [InlineData(2, 2, 16, 4)]
    public void SameThreads_MoreThreadsThanCores_AreNotHeldAgainstTheProcess(int workers, int threads, int cores, int expected) =>
        Assert.Equal(new Contender(0, expected), ContenderRules.SameThreads(new Contender(workers, threads), cores));

    [Fact]
    public void Name_OneAndMore_IsEnglish() => Assert.Equal(
        ["one process with 1 thread", "1 worker of 2 threads", "2 workers of 1 thread"],
        new Contender[] { new(0, 1), new(1, 2), new(2, 1) }.Select(contender => contender.Name));
}
