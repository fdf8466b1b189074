using DistTrain.Cli.Platforms;
using DistTrain.Core;

namespace DistTrain.Cli.Tests.Platforms;

public sealed class NodeListTests
{
    /// <summary>What <c>scontrol show hostnames</c> of Slurm 22.05 prints for the same lists, but for those with text after the last bracket, which that version refuses.</summary>
    [Theory]
    [InlineData("vm", "vm")]
    [InlineData("gpu2.example.org", "gpu2.example.org")]
    [InlineData("a-1,b_2", "a-1 b_2")]
    [InlineData("node[01-03,7],gpu2", "node01 node02 node03 node7 gpu2")]
    [InlineData("gpu2,node[1]", "gpu2 node1")]
    [InlineData("a[8-11]", "a8 a9 a10 a11")]
    [InlineData("a[08-11]", "a08 a09 a10 a11")]
    [InlineData("a[098-101]", "a098 a099 a100 a101")]
    [InlineData("n[9-010]", "n9 n10")]
    [InlineData("n[01-3]", "n01 n02 n03")]
    [InlineData("n[0-2]", "n0 n1 n2")]
    [InlineData("n[5-5]", "n5")]
    [InlineData("x[1,1]", "x1 x1")]
    [InlineData("n[3,1-2]", "n3 n1 n2")]
    [InlineData("r[1-2]n[01-03]", "r1n01 r1n02 r1n03 r2n01 r2n02 r2n03")]
    [InlineData("n[1-2][3-4]", "n13 n14 n23 n24")]
    [InlineData("a[1-2]b[3-4]c[5-6]", "a1b3c5 a1b3c6 a1b4c5 a1b4c6 a2b3c5 a2b3c6 a2b4c5 a2b4c6")]
    [InlineData("n[1-2]-ib", "n1-ib n2-ib")]
    [InlineData("r[1-2]n[01,3]x,gpu2", "r1n01x r1n3x r2n01x r2n3x gpu2")]
    [InlineData("[1-3]", "1 2 3")]
    public void Expand_AList_GivesEveryNameInOrder(string list, string names) =>
        Assert.Equal(names.Split(' '), NodeList.Expand(list, "SLURM_JOB_NODELIST"));

    [Theory]
    [InlineData("", "empty")]
    [InlineData("a,", "empty")]
    [InlineData(",a", "empty")]
    [InlineData("a,,b", "empty")]
    [InlineData("a[1-2", "not closed")]
    [InlineData("a1-2]", "closes at character 5")]
    [InlineData("a[1[2]]", "within brackets at character 4")]
    [InlineData("a[]", "'' in brackets")]
    [InlineData("a[1,]", "'' in brackets")]
    [InlineData("a[1-]", "'' in brackets")]
    [InlineData("a[-1]", "'' in brackets")]
    [InlineData("a[1-2-3]", "'1-2-3' is no range")]
    [InlineData("a[x]", "'x' in brackets")]
    [InlineData("a[1-b]", "'b' in brackets")]
    [InlineData("a[+1]", "'+1' in brackets")]
    [InlineData("a[١]", "in brackets")]
    [InlineData("a[3-1]", "'3-1' ends below")]
    [InlineData("a[1234567890]", "at most 9 digits")]
    [InlineData("a b", "blank at character 2")]
    [InlineData("a\n", "blank at character 2")]
    [InlineData("a[1, 2]", "blank at character 5")]
    public void Expand_NoList_SaysWhatIsWrongInOneLine(string list, string reason)
    {
        var message = Assert.Throws<InvalidInputException>(() => NodeList.Expand(list, "SLURM_JOB_NODELIST")).Message;

        Assert.StartsWith("SLURM_JOB_NODELIST is '", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("n[0-65535]", NodeList.MostNodes)]
    [InlineData("n[0-65536]", null)]
    [InlineData("n[0-65535],m", null)]
    [InlineData("n[0-999999999]", null)]
    [InlineData("a[0-9999]b[0-9999]c[0-9999]", null)]
    public void Expand_VeryMany_TakesSoManyAndNoMore(string list, int? count)
    {
        if (count is { } expected)
        {
            Assert.Equal(expected, NodeList.Expand(list, "X").Count);
        }
        else
        {
            Assert.Contains("more than 65536 names", Assert.Throws<InvalidInputException>(() => NodeList.Expand(list, "X")).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Expand_ALongOneThatIsWrong_IsShownInPart() =>
        Assert.InRange(Assert.Throws<InvalidInputException>(() => NodeList.Expand(new string('a', 100_000) + "[", "X")).Message.Length, 100, 300);
}
