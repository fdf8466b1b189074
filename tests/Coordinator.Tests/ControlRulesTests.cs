using System.Net;

namespace DistTrain.Coordinator.Tests;

/// <remarks>Broken on purpose, and it failed: every peer is admitted; a target's process, or its incarnation, is not looked at.</remarks>
public sealed class ControlRulesTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.3.2.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    public void RefusePeer_OfThisMachine_IsAdmitted(string address) => Assert.Null(ControlRules.RefusePeer(IPAddress.Parse(address), overSocketFile: false));

    [Theory]
    [InlineData("10.9.1.2")]
    [InlineData("128.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("::ffff:10.9.1.2")]
    [InlineData("fe80::1")]
    public void RefusePeer_FromElsewhere_SaysWhereItCameFrom(string address) =>
        Assert.Contains(address.Replace("::ffff:", "", StringComparison.Ordinal), ControlRules.RefusePeer(IPAddress.Parse(address), overSocketFile: false), StringComparison.Ordinal);

    [Fact]
    public void RefusePeer_WithoutAnAddress_IsRefused() => Assert.NotNull(ControlRules.RefusePeer(null, overSocketFile: false));

    [Fact]
    public void RefusePeer_OverASocketFile_IsAdmitted() => Assert.Null(ControlRules.RefusePeer(null, overSocketFile: true));

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(7, 0, true)]
    [InlineData(0, 42, true)]
    [InlineData(7, 42, true)]
    [InlineData(8, 42, false)]
    [InlineData(7, 43, false)]
    [InlineData(8, 0, false)]
    public void RefuseTarget_OfAnotherRun_IsRefused(ulong incarnation, uint process, bool isMeant) =>
        Assert.Equal(isMeant, ControlRules.RefuseTarget(incarnation, process, 7, 42) is null);
}
