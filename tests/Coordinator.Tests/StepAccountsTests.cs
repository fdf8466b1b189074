using DistTrain.Core.Training;

namespace DistTrain.Coordinator.Tests;

/// <summary>In a clock of one tick a second.</summary>
/// <remarks>Broken on purpose, and it failed: sums that ran while the last partial was on its way count; the wait is not taken off the computing.</remarks>
public sealed class StepAccountsTests
{
    private readonly StepAccounts _accounts = new(frequency: 1, now: 100);

    [Fact]
    public void Committed_TwoWorkers_SplitsTheCriticalPath()
    {
        // 2 of bookkeeping, 3 to make messages, 40 computed by the slower worker of two (30 on average), its partial whole at 160, 4 to verify it.
        _accounts.Begin(102);
        _accounts.Begin(103);
        _accounts.MessagesMade(3);
        _accounts.Received(1, new PartialReceipt(At: 140, Verification: 5), compute: 20);
        _accounts.Received(2, new PartialReceipt(At: 160, Verification: 4), compute: 40);
        _accounts.Summed(165, 171);

        var split = _accounts.Committed(complete: 172, now: 180);

        Assert.Equal(new StepSplit(Compute: 30, Serialise: 7, Transfer: 80 - 30 - 7 - 10 - 6 - 10, Wait: 10, Reduce: 6, Update: 10), split);
        Assert.Equal(80, split.Total);
    }

    [Fact]
    public void Committed_LastIsNotTheSlowest_HasNoWait()
    {
        _accounts.Received(1, new PartialReceipt(At: 140, Verification: 0), compute: 40);
        _accounts.Received(2, new PartialReceipt(At: 160, Verification: 0), compute: 20);

        var split = _accounts.Committed(complete: 170, now: 170);

        Assert.Equal((20, 0, 50), (split.Compute, split.Wait, split.Transfer));
    }

    [Fact]
    public void Committed_SumsBesideTheLastPartialsWay_AreNotOnThePath()
    {
        _accounts.Summed(110, 130);
        _accounts.Summed(135, 145);
        _accounts.Received(1, new PartialReceipt(At: 138, Verification: 2), compute: 5);
        _accounts.Summed(150, 151);

        // Of the second, half ran after the last partial was verified: that one had to wait for it.
        Assert.Equal(6, _accounts.Committed(complete: 160, now: 160).Reduce);
    }

    [Fact]
    public void Committed_AWorkerOfSeveralNodes_CountsOnce()
    {
        _accounts.Received(1, new PartialReceipt(At: 140, Verification: 0), compute: 10);
        _accounts.Received(1, new PartialReceipt(At: 150, Verification: 0), compute: 30);
        _accounts.Received(2, new PartialReceipt(At: 160, Verification: 0), compute: 30);

        var split = _accounts.Committed(complete: 170, now: 170);

        Assert.Equal((30, 0), (split.Compute, split.Wait));
    }

    /// <summary>What a worker says of its time may be false, and clocks of threads differ by what they differ.</summary>
    [Theory]
    [InlineData(1_000_000, 160, 0)]
    [InlineData(20, 1_000, 5_000)]
    [InlineData(0, 0, 0)]
    public void Committed_WhateverIsSaid_AddsUpWithoutNegativeParts(long compute, long at, long verification)
    {
        _accounts.Begin(90);
        _accounts.MessagesMade(1);
        _accounts.Received(1, new PartialReceipt(at, verification), compute);
        _accounts.Summed(170, 165);

        var split = _accounts.Committed(complete: 172, now: 180);

        Assert.Equal(80, split.Total);
        Assert.All([split.Compute, split.Serialise, split.Transfer, split.Wait, split.Reduce, split.Update], part => Assert.InRange(part, 0, 80));
    }

    [Fact]
    public void Committed_NextStep_BeginsWhereTheLastEnded()
    {
        _accounts.Received(1, new PartialReceipt(At: 140, Verification: 0), compute: 40);
        _accounts.Committed(complete: 150, now: 150);
        Assert.Equal(new StepSplit(0, 0, 25, 0, 0, 5), _accounts.Committed(complete: 175, now: 180));

        _accounts.Summed(181, 182);
        _accounts.Restart(now: 500);
        Assert.Equal(new StepSplit(0, 0, 10, 0, 0, 0), _accounts.Committed(complete: 510, now: 510));
    }
}
