using CsCheck;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Tests.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed unsafe class ShardComputationTests : IDisposable
{
    private const int ImageCount = 90;
    private const int Classes = 5;

    private static readonly ModelSpec Model = TestData.Model(30, [17], Classes, new TanhSpec());
    private static readonly LabeledImages Images = TestData.Images(3, ImageCount, 30, Classes);
    private static readonly int[] Order = Sampler.Permutation(seed: 1, epoch: 0, ImageCount);

    private readonly ParameterSet _parameters = Model.InitialParameters(seed: 9);
    private readonly PartialPools _pools;
    private readonly ShardComputation[] _computations;

    public ShardComputationTests()
    {
        // Large weights give losses from 1e-7 to hundreds: only such sums round in double, and so depend on their order.
        foreach (ref var value in _parameters.Values)
        {
            value *= 40;
        }

        _pools = new PartialPools(_parameters.Layout.Length);
        Kernels<float>[] kernels = [new ReferenceKernels<float>(), .. VectorKernels.All];
        _computations =
        [
            .. kernels.SelectMany(_ => new[] { 1, 2, 3 }, (any, threads) => new ShardComputation(Model, seed: 1, any, threads, _pools)),
        ];
        foreach (var computation in _computations)
        {
            computation.UseParameters(_parameters.Pointer);
        }
    }

    /// <summary>Images of another size or with more classes would be read and written out of bounds.</summary>
    [Theory]
    [InlineData(29, Classes)]
    [InlineData(31, Classes)]
    [InlineData(30, Classes + 1)]
    public void ComputeGradientsAndEvaluate_ImagesThatDoNotFit_AreRefused(int size, int classes)
    {
        var images = TestData.Images(4, ImageCount, size, classes);
        var results = new List<Partial>();

        Assert.Throws<ArgumentException>(() => _computations[0].ComputeGradients(images, Order, new BatchPositions(0, 0, 0, 8), 4, new ShardRange(0, 4), results));
        Assert.Throws<ArgumentException>(() => _computations[0].Evaluate(images, 4, new ShardRange(0, 4), results));
        Assert.Empty(results);
    }

    [Fact]
    public void ComputeGradients_OrderBeyondTheImages_IsRefused() => Assert.Throws<IndexOutOfRangeException>(() => _computations[0].ComputeGradients(
        Images, [0, 1, int.MaxValue, 2], new BatchPositions(0, 0, 0, 4), 1, new ShardRange(0, 1), []));

    /// <summary>Each range of a cut goes to any threads and any vector width; the partials arrive in any order.</summary>
    [Fact]
    public void ComputeGradients_AnyCutThreadsAndWidths_CombineToTheSameBits() =>
        (from shardCount in Gen.Int[1, 20]
         from samples in Gen.Int[1, 60]
         from first in Gen.Int[0, ImageCount - samples]
         from cuts in Gen.Int[0, shardCount].Array[0, 5]
         let bounds = new SortedSet<int>(cuts) { 0, shardCount }.ToArray()
         from ranges in Gen.Shuffle(bounds.Zip(bounds.Skip(1), (start, end) => new ShardRange(start, end)).ToArray())
         from chosen in Gen.Int[0, 11].Array[ranges.Length]
         select (shardCount, new BatchPositions(0, 0, first, samples), ranges, chosen)).Sample(
            (shardCount, batch, ranges, chosen) =>
            {
                var kernels = new ReferenceKernels<float>();
                var tree = new PartialTree(kernels, _pools.Training);
                tree.Reset(shardCount);
                var partials = new List<Partial>();
                for (var i = 0; i < ranges.Length; i++)
                {
                    var first = partials.Count;
                    _computations[chosen[i]].ComputeGradients(Images, Order, batch, shardCount, ranges[i], partials);
                    Assert.Equal(ReductionTree.Cover(shardCount, ranges[i]), partials.Skip(first).Select(partial => partial.Node));
                }

                partials.ForEach(tree.Add);
                var whole = new List<Partial>();
                _computations[0].ComputeGradients(Images, Order, batch, shardCount, new ShardRange(0, shardCount), whole);
                var expected = Assert.Single(whole);
                var actual = tree.TakeRoot()!;
                AssertEqual(expected, actual);
                Assert.Equal(batch.Count, actual.SampleCount);
                _pools.Training.Return(expected);
                _pools.Training.Return(actual);
            },
            iter: 500,
            threads: 1);

    [Fact]
    public void Evaluate_AnyRangeThreadsAndWidths_CombineToTheSameBits() =>
        (from shardCount in Gen.Int[1, 100]
         from middle in Gen.Int[1, shardCount]
         from chosen in Gen.Int[0, 11].Array[2]
         select (shardCount, middle, chosen)).Sample(
            (shardCount, middle, chosen) =>
            {
                var tree = new PartialTree(new ReferenceKernels<float>(), _pools.Evaluation);
                tree.Reset(shardCount);
                var partials = new List<Partial>();
                _computations[chosen[0]].Evaluate(Images, shardCount, new ShardRange(0, middle), partials);
                if (middle < shardCount)
                {
                    _computations[chosen[1]].Evaluate(Images, shardCount, new ShardRange(middle, shardCount), partials);
                }

                partials.ForEach(tree.Add);
                var whole = new List<Partial>();
                _computations[0].Evaluate(Images, shardCount, new ShardRange(0, shardCount), whole);
                var expected = Assert.Single(whole);
                var actual = tree.TakeRoot()!;
                AssertEqual(expected, actual);
                Assert.Equal(ImageCount, actual.SampleCount);
                _pools.Evaluation.Return(expected);
                _pools.Evaluation.Return(actual);
            },
            iter: 100,
            threads: 1);

    /// <summary>Ranges that follow speeds and members change for as long as a run lasts.</summary>
    [Fact]
    public void ComputeGradients_EverNewRanges_KeepBoundedMemoryAndTheSameBits()
    {
        const int ShardCount = 20;
        var computation = _computations[^1];
        var kept = 0;
        for (var samples = 40; samples < 46; samples++)
        {
            for (var start = 0; start < ShardCount; start++)
            {
                for (var end = start + 1; end <= ShardCount; end++)
                {
                    foreach (var partial in Compute(computation, samples, new ShardRange(start, end)))
                    {
                        _pools.Training.Return(partial);
                    }

                    kept = Math.Max(kept, computation.PlanCount);
                }
            }
        }

        Assert.InRange(kept, 64, 3 * 64);
        var expected = Assert.Single(Compute(_computations[0], 45, new ShardRange(0, ShardCount)));
        var actual = Assert.Single(Compute(computation, 45, new ShardRange(0, ShardCount)));
        AssertEqual(expected, actual);
        _pools.Training.Return(expected);
        _pools.Training.Return(actual);

        List<Partial> Compute(ShardComputation with, int samples, ShardRange range)
        {
            var partials = new List<Partial>();
            with.ComputeGradients(Images, Order, new BatchPositions(0, 0, 0, samples), ShardCount, range, partials);
            return partials;
        }
    }

    [Fact]
    public void ComputeGradients_NewParametersInTheSameMemory_AreUsed()
    {
        var before = Whole();
        _parameters.Values[^1] += 1;
        _computations[3].UseParameters(_parameters.Pointer);
        Assert.NotEqual(before, Whole());

        double Whole()
        {
            var partials = new List<Partial>();
            _computations[3].ComputeGradients(Images, Order, new BatchPositions(0, 0, 0, 20), 1, new ShardRange(0, 1), partials);
            _pools.Training.Return(partials[0]);
            return partials[0].LossSum;
        }
    }

    [Fact]
    public void ComputeGradients_ShardWithoutSamples_IsAPartialOfPlusZero()
    {
        var partials = new List<Partial>();
        _computations[^1].ComputeGradients(Images, Order, new BatchPositions(0, 0, 0, 2), 8, new ShardRange(0, 3), partials);
        // Of 8 shards of 2 samples only the fourth and the last have one.
        Assert.Equal([new ShardRange(0, 2), new(2, 3)], partials.Select(partial => partial.Node));
        foreach (var partial in partials)
        {
            Assert.Equal((0, 0d, 0), (partial.SampleCount, partial.LossSum, partial.CorrectCount));
            Assert.All(partial.Gradient.Span.ToArray(), value => Assert.Equal(0, BitConverter.SingleToInt32Bits(value)));
            _pools.Training.Return(partial);
        }
    }

    public void Dispose()
    {
        foreach (var computation in _computations)
        {
            computation.Dispose();
        }

        _pools.Dispose();
        _parameters.Dispose();
    }

    private static void AssertEqual(Partial expected, Partial actual)
    {
        Floats.AssertSameBits(expected.Gradient.Span, actual.Gradient.Span, "gradient");
        Assert.Equal(
            (expected.Node, BitConverter.DoubleToInt64Bits(expected.LossSum), expected.SampleCount, expected.CorrectCount),
            (actual.Node, BitConverter.DoubleToInt64Bits(actual.LossSum), actual.SampleCount, actual.CorrectCount));
    }
}
