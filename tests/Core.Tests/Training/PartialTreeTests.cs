using CsCheck;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class PartialTreeTests
{
    private const int Length = 5;

    /// <summary>Shards, a cut of them into contiguous ranges, an order of arrival of the ranges' nodes, and a seed.</summary>
    private static readonly Gen<(int ShardCount, ShardRange[] Nodes, int Seed)> Arrivals =
        from shardCount in Gen.Int[1, 40]
        from cuts in Gen.Int[0, shardCount].Array[0, 6]
        let bounds = new SortedSet<int>(cuts) { 0, shardCount }.ToArray()
        from nodes in Gen.Shuffle(bounds.Zip(bounds.Skip(1)).SelectMany(pair => ReductionTree.Cover(shardCount, new ShardRange(pair.First, pair.Second))).ToArray())
        from seed in Gen.Int
        select (shardCount, nodes, seed);

    [Fact]
    public void Add_AnyCutAndOrderOfArrival_GivesTheTreesBits() => Arrivals.Sample((shardCount, nodes, seed) =>
    {
        using var pool = new PartialPool(Length);
        var tree = new PartialTree(new ReferenceKernels<float>(), pool);
        tree.Reset(shardCount);
        foreach (var node in nodes)
        {
            Assert.Null(tree.TakeRoot());
            tree.Add(PartialOf(pool, node, seed));
        }

        using var expected = PartialOf(pool, new ShardRange(0, shardCount), seed);
        using var root = tree.TakeRoot()!;
        Floats.AssertSameBits(expected.Gradient.Span, root.Gradient.Span, "gradient");
        Assert.Equal((expected.LossSum, expected.SampleCount, expected.CorrectCount), (root.LossSum, root.SampleCount, root.CorrectCount));
        Assert.Empty(tree.Nodes);
    });

    /// <summary>The test above would pass for any order of summation if the values did not tell orders apart: they do.</summary>
    [Fact]
    public void Add_SumInOrderOfArrival_WouldGiveOtherBits()
    {
        using var pool = new PartialPool(Length);
        var differing = 0;
        for (var seed = 0; seed < 100; seed++)
        {
            using var tree = PartialOf(pool, new ShardRange(0, 8), seed);
            var ascending = Enumerable.Range(0, 8).Select(shard => ShardValues(seed, shard).Gradient[0]).Aggregate((sum, x) => sum + x);
            differing += tree.Gradient.Span[0] == ascending ? 0 : 1;
        }

        Assert.InRange(differing, 20, 100);
    }

    [Fact]
    public void Nodes_PartOfTheShards_AreTheLargestCoveredNodes() => Arrivals.Sample((shardCount, nodes, seed) =>
    {
        using var pool = new PartialPool(Length);
        var tree = new PartialTree(new ReferenceKernels<float>(), pool);
        tree.Reset(shardCount);
        var covered = new SortedSet<int>();
        foreach (var node in nodes)
        {
            tree.Add(PartialOf(pool, node, seed));
            covered.UnionWith(Enumerable.Range(node.Start, node.Count));
            var runs = covered.Select((shard, i) => (shard, group: shard - i)).GroupBy(pair => pair.group, pair => pair.shard);
            var expected = runs.SelectMany(run => ReductionTree.Cover(shardCount, new ShardRange(run.First(), run.Last() + 1)));
            Assert.Equal(expected, tree.Nodes.Select(partial => partial.Node).OrderBy(other => other.Start));
        }

        var taken = new List<Partial>();
        tree.TakeAll(taken);
        Assert.Equal([new ShardRange(0, shardCount)], taken.Select(partial => partial.Node));
        taken.ForEach(pool.Return);
    });

    [Fact]
    public void Add_NoNodeOrTheSameTwice_IsRefused()
    {
        using var pool = new PartialPool(Length);
        var tree = new PartialTree(new ReferenceKernels<float>(), pool);
        tree.Reset(6);
        using var odd = PartialOf(pool, new ShardRange(1, 2), 1);
        odd.Node = new ShardRange(1, 3);
        Assert.Throws<ArgumentException>(() => tree.Add(odd));

        tree.Add(PartialOf(pool, new ShardRange(0, 1), 1));
        using var again = PartialOf(pool, new ShardRange(0, 1), 1);
        Assert.Throws<ArgumentException>(() => tree.Add(again));
        tree.Add(PartialOf(pool, new ShardRange(1, 2), 1));
        // Inside a node that is there, or around one: those shards would count twice.
        Assert.Throws<ArgumentException>(() => tree.Add(again));
        using var around = PartialOf(pool, new ShardRange(0, 4), 1);
        Assert.Throws<ArgumentException>(() => tree.Add(around));
        Assert.Equal([new ShardRange(0, 2)], tree.Nodes.Select(partial => partial.Node));
        tree.Reset(6);
        Assert.Empty(tree.Nodes);
    }

    /// <summary>The partial of a node, by the definition: left child plus right child, down to the shards.</summary>
    private static Partial PartialOf(PartialPool pool, ShardRange node, int seed)
    {
        var partial = pool.Rent();
        (var gradient, partial.LossSum, partial.SampleCount, partial.CorrectCount) = Sum(node);
        gradient.CopyTo(partial.Gradient.Span);
        partial.Node = node;
        return partial;

        (float[] Gradient, double LossSum, int Samples, int Correct) Sum(ShardRange range)
        {
            if (range.Count == 1)
            {
                return ShardValues(seed, range.Start);
            }

            var (left, right) = ReductionTree.Children(range);
            var (x, y) = (Sum(left), Sum(right));
            return ([.. x.Gradient.Zip(y.Gradient, (a, b) => a + b)], x.LossSum + y.LossSum, x.Samples + y.Samples, x.Correct + y.Correct);
        }
    }

    private static (float[] Gradient, double LossSum, int Samples, int Correct) ShardValues(int seed, int shard)
    {
        var random = new Random(unchecked((seed * 1009) + shard));
        var gradient = Enumerable.Range(0, Length).Select(_ => (float)random.NextDouble() - 0.5f).ToArray();
        return (gradient, random.NextDouble(), random.Next(100), random.Next(100));
    }
}
