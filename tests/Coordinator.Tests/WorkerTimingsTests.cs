namespace DistTrain.Coordinator.Tests;

public sealed class WorkerTimingsTests
{
    private static readonly TimeSpan Start = TimeSpan.FromSeconds(1000);

    private readonly WorkerTimings _timings = new(Start);
    private double _now;
    private long _lease;

    [Fact]
    public void Seconds_OfOneRound_AreComputeNetworkAndWaitApart()
    {
        _timings.LeaseGranted(At(1), 1, shards: 4, nodes: 1);
        _timings.PartialArrived(At(4), 1, Seconds(2));
        _timings.RoundEnded(At(10));

        Assert.Equal((2, 1, 7), (_timings.ComputeSeconds, _timings.NetworkSeconds, _timings.WaitSeconds));
    }

    [Fact]
    public void Seconds_OfManyRounds_AreSmoothedAndSumUp()
    {
        Round(compute: 1, network: 1, length: 4);
        Round(compute: 2, network: 1, length: 4);

        Assert.Equal(1.1, _timings.ComputeSeconds, 9);
        Assert.Equal(1, _timings.NetworkSeconds, 9);
        Assert.Equal(1.9, _timings.WaitSeconds, 9);
    }

    [Fact]
    public void Seconds_TwoLeasesInARound_AreAdded()
    {
        _timings.LeaseGranted(At(0), 1, shards: 4, nodes: 1);
        _timings.PartialArrived(At(3), 1, Seconds(2));
        _timings.LeaseGranted(At(5), 2, shards: 4, nodes: 1);
        _timings.PartialArrived(At(8), 2, Seconds(2));
        _timings.RoundEnded(At(8));

        Assert.Equal((4, 2, 2), (_timings.ComputeSeconds, _timings.NetworkSeconds, _timings.WaitSeconds));
    }

    [Fact]
    public void RoundBegan_AfterAPause_ThePauseIsNobodysTime()
    {
        Round(compute: 1, network: 1, length: 4);
        _timings.RoundBegan(At(100));
        _now = 100;
        Round(compute: 1, network: 1, length: 4);

        Assert.Equal(2, _timings.WaitSeconds, 9);
    }

    [Fact]
    public void Speed_NothingMeasured_IsUnknown()
    {
        var speed = _timings.Speed;

        Assert.Equal((double.NaN, double.NaN, double.NaN), (speed.SecondsPerShard, speed.SecondsPerNode, speed.FixedSeconds));
    }

    /// <summary>Three nodes: 1 s until the lease is there, 8 s of computing, the first partial after 1.5 s more, the others 0.5 s apart.</summary>
    [Fact]
    public void Speed_SeveralNodes_TellsThemFromTheRest()
    {
        _timings.LeaseGranted(At(0), 1, shards: 4, nodes: 3);
        _timings.PartialArrived(At(10.5), 1, Seconds(8));
        _timings.PartialArrived(At(11), 1, Seconds(8));
        _timings.PartialArrived(At(11.5), 1, Seconds(8));
        _timings.RoundEnded(At(12));
        var speed = _timings.Speed;

        Assert.Equal((2, 0.5, 2), (speed.SecondsPerShard, speed.SecondsPerNode, speed.FixedSeconds));
        Assert.Equal((8, 3.5), (_timings.ComputeSeconds, _timings.NetworkSeconds));
    }

    [Fact]
    public void Speed_OneNode_ItsTimeIsUnknownAndAmongTheFixed()
    {
        Round(compute: 8, network: 3, length: 12);

        Assert.Equal((2, double.NaN, 3), (_timings.Speed.SecondsPerShard, _timings.Speed.SecondsPerNode, _timings.Speed.FixedSeconds));
    }

    /// <summary>Row P11, or a worker's own pause: one lease in twenty tells nothing, whatever its length.</summary>
    [Fact]
    public void Speed_OnePauseOfAMinute_IsUnmoved()
    {
        for (var i = 0; i < 20; i++)
        {
            Round(compute: i == 10 ? 60 : 4, network: i == 12 ? 60 : 1, length: 70);
        }

        Assert.Equal((1, 1), (_timings.Speed.SecondsPerShard, _timings.Speed.FixedSeconds));
        Assert.Equal(5, _timings.PaceOf(7).OwnSeconds);
    }

    [Fact]
    public void Speed_LastingChange_IsThereAfterHalfTheWindow()
    {
        for (var i = 0; i < 31; i++)
        {
            Round(compute: i < 20 ? 4 : 40, network: 1, length: 50);
        }

        Assert.Equal(10, _timings.Speed.SecondsPerShard);
    }

    /// <summary>A worker that always comes after its backup is known to be slow all the same.</summary>
    [Fact]
    public void LeaseRevoked_OthersWereFaster_WhatItHasTakenIsTheLeastItTakes()
    {
        Round(compute: 4, network: 1, length: 6);
        for (var i = 0; i < 20; i++)
        {
            _timings.LeaseGranted(At(_now), ++_lease, shards: 4, nodes: 1);
            _timings.LeaseRevoked(At(_now + 21));
            _timings.PartialArrived(At(_now + 22), _lease, Seconds(20));
            _timings.RoundEnded(At(_now += 25));
        }

        Assert.Equal(5, _timings.Speed.SecondsPerShard);
        Assert.Equal((21, 20), (_timings.PaceOf(1).OwnSeconds, _timings.PaceOf(1).Rounds));
        Assert.InRange(_timings.ComputeSeconds, 17, 20);
    }

    [Fact]
    public void LeaseRevoked_SoonerThanUsual_DoesNotMakeItFast()
    {
        Round(compute: 4, network: 1, length: 6);
        _timings.LeaseGranted(At(_now), ++_lease, shards: 4, nodes: 1);
        _timings.RoundEnded(At(_now + 2));

        Assert.Equal(1, _timings.Speed.SecondsPerShard);
    }

    /// <summary>Nothing of it was ever delivered.</summary>
    [Fact]
    public void LeaseRevoked_FirstAndOnly_AllIsComputing()
    {
        for (var i = 0; i < 2; i++)
        {
            _timings.LeaseGranted(At(_now), ++_lease, shards: 4, nodes: 2);
            _timings.RoundEnded(At(_now += 8));
        }

        Assert.Equal((2, 8, 0), (_timings.Speed.SecondsPerShard, _timings.ComputeSeconds, _timings.NetworkSeconds));
    }

    [Fact]
    public void LeaseReturned_OrAnothersLease_IsNotCounted()
    {
        _timings.LeaseGranted(At(0), 1, shards: 4, nodes: 1);
        _timings.PartialArrived(At(1), 99, Seconds(1));
        _timings.LeaseReturned();
        _timings.PartialArrived(At(2), 1, Seconds(1));
        _timings.RoundEnded(At(3));

        Assert.Equal((0, 0, 3, 0), (_timings.ComputeSeconds, _timings.NetworkSeconds, _timings.WaitSeconds, _timings.PaceOf(1).Rounds));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3.5)]
    public void PartialArrived_ImpossibleComputeTime_IsTakenAsAllThereWas(double compute)
    {
        _timings.LeaseGranted(At(0), 1, shards: 3, nodes: 1);
        _timings.PartialArrived(At(3), 1, Seconds(compute));
        _timings.RoundEnded(At(4));

        Assert.Equal((3, 0, 1), (_timings.ComputeSeconds, _timings.NetworkSeconds, _timings.Speed.SecondsPerShard));
    }

    [Fact]
    public void Speed_NothingToDoForLong_IsForgotten()
    {
        Round(compute: 4, network: 1, length: 6);
        for (var i = 0; i < 499; i++)
        {
            _timings.RoundEnded(At(_now += 1));
        }

        Assert.Equal(1, _timings.Speed.SecondsPerShard);
        _timings.RoundEnded(At(_now += 1));
        Assert.Equal(double.NaN, _timings.Speed.SecondsPerShard);
        Assert.Equal(0, _timings.PaceOf(1).Rounds);
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static TimeSpan At(double seconds) => Start + Seconds(seconds);

    /// <summary>A lease of four shards, one node, granted at once.</summary>
    private void Round(double compute, double network, double length)
    {
        _timings.LeaseGranted(At(_now), ++_lease, shards: 4, nodes: 1);
        _timings.PartialArrived(At(_now + compute + network), _lease, Seconds(compute));
        _timings.RoundEnded(At(_now += length));
    }
}
