using CsCheck;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class RangeRulesTests
{
    private static readonly Gen<WorkerSpeed> AnySpeed =
        from perShard in Gen.OneOf(Gen.Double[0.5, 2], Gen.Double[0.1, 20])
        from perNode in Gen.OneOf(Gen.Double[0.01, 0.1], Gen.Double[0.1, 10])
        from rest in Gen.OneOf(Gen.Const(1e-6), Gen.Const(0.3), Gen.Const(5d))
        select new WorkerSpeed(perShard, perNode, rest);

    private static readonly Gen<WorkerSpeed> MaybeUnknown = Gen.Frequency((4, AnySpeed), (1, Gen.Const(new WorkerSpeed(double.NaN, 0, double.PositiveInfinity))));

    [Fact]
    public void Cut_AnySpeeds_IsExactContiguousAndNotSlowerThanTheEqualCut() =>
        (from shardCount in Gen.OneOf(Gen.Int[1, 40], Gen.Int[1, 4096])
         from speeds in MaybeUnknown.Array[1, 40]
         select (shardCount, speeds)).Sample((shardCount, speeds) =>
         {
             var ranges = Cut(shardCount, speeds);
             AssertExact(shardCount, ranges);
             Assert.True(RangeRules.PredictedSeconds(shardCount, speeds, ranges) <= RangeRules.PredictedSeconds(shardCount, speeds, EqualCut(shardCount, speeds.Length)));
         });

    /// <summary>Found: at most so much slower than the best of all cuts.</summary>
    [Fact]
    public void Cut_FewShardsAndWorkers_IsCloseToTheBestOfAllCuts() =>
        (from shardCount in Gen.Int[1, 24]
         from speeds in AnySpeed.Array[1, 4]
         select (shardCount, speeds)).Sample(
            (shardCount, speeds) =>
            {
                var seconds = RangeRules.PredictedSeconds(shardCount, speeds, Cut(shardCount, speeds));
                var best = Best(shardCount, speeds, 0, 0);
                Assert.True(seconds <= best * 1.05, $"{seconds} against {best}");
            },
            iter: 2000);

    [Theory]
    [InlineData(8, 2, new[] { 4, 4 })]
    [InlineData(8, 4, new[] { 2, 2, 2, 2 })]
    [InlineData(16, 3, new[] { 4, 6, 6 })]
    [InlineData(4, 6, new[] { 1, 1, 1, 1, 0, 0 })]
    [InlineData(5, 4, new[] { 2, 1, 1, 1 })]
    [InlineData(1, 1, new[] { 1 })]
    public void Cut_NothingKnown_IsEqualWithFewNodes(int shardCount, int workers, int[] counts) =>
        Assert.Equal(counts, Cut(shardCount, new WorkerSpeed[workers]).Select(range => range.Count));

    [Fact]
    public void Cut_EqualSpeeds_NobodyHasMoreThanInTheEqualCutPlusTheNodesSaved() =>
        (from shardCount in Gen.Int[1, 300] from workers in Gen.Int[1, 40] select (shardCount, workers)).Sample((shardCount, workers) =>
        {
            var ranges = Cut(shardCount, new WorkerSpeed[workers]);
            var equal = EqualCut(shardCount, workers);
            var (slowest, nodes) = Heaviest(ranges);
            var (slowestOfEqual, nodesOfEqual) = Heaviest(equal);
            Assert.True(slowest + (nodes * 0.25) <= slowestOfEqual + (nodesOfEqual * 0.25) + 1e-9);

            (int Shards, int Nodes) Heaviest(ShardRange[] cut) => cut
                .Select(range => (range.Count, ReductionTree.CoverCount(shardCount, range)))
                .MaxBy(cost => cost.Item1 + (cost.Item2 * 0.25));
        });

    [Fact]
    public void Cut_OneAtHalfSpeed_GetsHalfAsMuch()
    {
        var ranges = Cut(4096, [Speed(1), Speed(2), Speed(1)]);

        // 1,638.4 and 819.2 would be even.
        Assert.InRange(ranges[0].Count, 1600, 1680);
        Assert.InRange(ranges[1].Count, 780, 850);
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(64, 3)]
    public void Cut_OneTenTimesSlower_HasShardsOnlyIfTheOthersGain(int shardCount, int atLeast)
    {
        var ranges = Cut(shardCount, [Speed(1), Speed(10), Speed(1)]);

        Assert.InRange(ranges[1].Count, atLeast, shardCount / 16);
        Assert.True(RangeRules.PredictedSeconds(shardCount, [Speed(1), Speed(10), Speed(1)], ranges) < shardCount * 0.53);
    }

    /// <summary>An idle worker is no aim: where it costs the round nothing, all have shards.</summary>
    [Fact]
    public void Cut_FreeToHelp_NobodyIsIdle() =>
        (from workers in Gen.Int[1, 30] from shardCount in Gen.Int[workers, 100] select (shardCount, workers)).Sample((shardCount, workers) =>
            Assert.DoesNotContain(Cut(shardCount, Enumerable.Repeat(Speed(1, 1e-9), workers).ToArray()), range => range.Count == 0));

    [Theory]
    [InlineData(0.01, false)]
    [InlineData(5, true)]
    public void Cut_NodesThatCostMuch_OneNodePerWorker(double perNode, bool isOneNodeEach)
    {
        WorkerSpeed[] speeds = [Speed(1, perNode), Speed(1, perNode), Speed(1, perNode)];
        var ranges = Cut(16, speeds);

        Assert.Equal(isOneNodeEach, Array.TrueForAll(ranges, range => ReductionTree.IsNode(16, range)));
        Assert.Equal(isOneNodeEach ? 8 : 6, ranges.Max(range => range.Count));
    }

    [Fact]
    public void PredictedSeconds_WorkersDiffer_IsTheSlowestsWithItsNodes()
    {
        WorkerSpeed[] speeds = [new(1, 0.5, 3), new(2, 0.5, 100), new(0, 0, double.NaN)];
        double Predicted(params ShardRange[] ranges) => RangeRules.PredictedSeconds(5, speeds, ranges);

        // [0, 3) is two nodes, [3, 5) too. Without shards there are no fixed seconds; what is unknown is the mean of the others.
        Assert.Equal(3 + (3 * 1) + (2 * 0.5), Predicted(new(0, 3), new(3, 3), new(3, 3)));
        Assert.Equal(100 + (2 * 2) + (2 * 0.5), Predicted(new(0, 3), new(3, 5), new(5, 5)));
        Assert.Equal(51.5 + (5 * 1.5) + (1 * 0.5), Predicted(new(0, 0), new(0, 0), new(0, 5)));
    }

    [Theory]
    [InlineData(1, 0.95, false)]
    [InlineData(1, 0.91, false)]
    [InlineData(1, 0.89, true)]
    [InlineData(0, 0, false)]
    public void IsWorthChanging_Gain_MustBeATenth(double current, double proposed, bool expected) =>
        Assert.Equal(expected, RangeRules.IsWorthChanging(current, proposed));

    [Fact]
    public void Cut_LargestRun_IsExactAndBalanced()
    {
        var speeds = Enumerable.Range(0, 1024).Select(i => Speed(1 + (i % 3))).ToArray();
        var ranges = Cut(4096, speeds);

        AssertExact(4096, ranges);
        // The sum of speeds is 626: 4096 / 626 = 6.5 if shards could be cut.
        Assert.InRange(RangeRules.PredictedSeconds(4096, speeds, ranges), 6.5, 8.5);
    }

    [Fact]
    public void AllMethods_WrongCounts_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => RangeRules.Cut(4, new WorkerSpeed[2], new ShardRange[3]));
        Assert.Throws<ArgumentException>(() => RangeRules.Cut(4, [], []));
        Assert.Throws<ArgumentOutOfRangeException>(() => RangeRules.Cut(0, new WorkerSpeed[1], new ShardRange[1]));
        Assert.Throws<ArgumentException>(() => RangeRules.PredictedSeconds(4, new WorkerSpeed[2], new ShardRange[3]));
    }

    private static WorkerSpeed Speed(double perShard, double perNode = 0.1) => new(perShard, perNode, 0);

    private static ShardRange[] Cut(int shardCount, WorkerSpeed[] speeds)
    {
        var ranges = new ShardRange[speeds.Length];
        RangeRules.Cut(shardCount, speeds, ranges);
        return ranges;
    }

    private static ShardRange[] EqualCut(int shardCount, int workers)
    {
        var ranges = new ShardRange[workers];
        RangeRules.CutEqually(shardCount, ranges);
        AssertExact(shardCount, ranges);
        return ranges;
    }

    private static void AssertExact(int shardCount, ShardRange[] ranges)
    {
        Assert.Equal(0, ranges[0].Start);
        Assert.Equal(shardCount, ranges[^1].End);
        Assert.All(ranges, range => Assert.True(range.Count >= 0));
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.Equal(pair.First.End, pair.Second.Start));
    }

    private static double Best(int shardCount, WorkerSpeed[] speeds, int worker, int start)
    {
        if (worker == speeds.Length - 1)
        {
            return Seconds(speeds[worker], shardCount, new ShardRange(start, shardCount));
        }

        return Enumerable.Range(start, shardCount - start + 1).Min(end =>
            Math.Max(Seconds(speeds[worker], shardCount, new ShardRange(start, end)), Best(shardCount, speeds, worker + 1, end)));
    }

    private static double Seconds(WorkerSpeed speed, int shardCount, ShardRange range) => range.Count == 0
        ? 0
        : speed.FixedSeconds + (range.Count * speed.SecondsPerShard) + (ReductionTree.Cover(shardCount, range).Count * speed.SecondsPerNode);
}
