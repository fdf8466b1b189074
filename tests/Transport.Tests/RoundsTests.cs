using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using RoundKind = DistTrain.Core.Training.RoundKind;
using WireKind = DistTrain.Transport.Wire.RoundKind;

namespace DistTrain.Transport.Tests;

public sealed class RoundsTests
{
    private static readonly RunSpec Spec = new(
        ModelCatalog.MultiLayer("small", [4]), new DatasetSpec("small", "", 103, 620, 784, 10), new OptimizerSpec("sgd", 0.1f), BatchSize: 50, ShardCount: 5, Seed: 1, Steps: 9);

    [Fact]
    public void FromWire_WhatTheRunHas_IsItsRound()
    {
        Assert.Equal(new Round(RoundKind.Training, 8, 5), Rounds.FromWire(WireKind.Training, 8, Spec));
        Assert.Equal(new Round(RoundKind.Evaluation, 9, 2), Rounds.FromWire(WireKind.Evaluation, 9, Spec));
    }

    [Theory]
    [InlineData(WireKind.Unspecified, 1)]
    [InlineData((WireKind)7, 1)]
    [InlineData(WireKind.Evaluation, 10)]
    [InlineData(WireKind.Training, ulong.MaxValue)]
    public void FromWire_WhatTheRunHasNot_IsNull(WireKind kind, ulong version) => Assert.Null(Rounds.FromWire(kind, version, Spec));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 2)]
    [InlineData(4, 6)]
    [InlineData(uint.MaxValue, 1)]
    [InlineData(0, uint.MaxValue)]
    public void Range_EmptyOrBeyond_IsNull(uint first, uint end) => Assert.Null(Rounds.Range(first, end, 5));

    /// <summary>Step 2 is the epoch's short batch of 3 samples: five shards, some of them empty.</summary>
    [Fact]
    public void SampleCount_ShortBatch_IsWhatTheShardsHave()
    {
        var round = new Round(RoundKind.Training, 2, 5);

        Assert.Equal(3, Rounds.SampleCount(round, new ShardRange(0, 5), Spec));
        Assert.Equal(3, Enumerable.Range(0, 5).Sum(shard => Rounds.SampleCount(round, new ShardRange(shard, shard + 1), Spec)));
        Assert.Contains(0, Enumerable.Range(0, 5).Select(shard => Rounds.SampleCount(round, new ShardRange(shard, shard + 1), Spec)));
    }
}
