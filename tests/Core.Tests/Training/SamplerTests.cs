using CsCheck;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class SamplerTests
{
    [Fact]
    public void Permutation_AnySeedEpochAndCount_HoldsEverySampleOnce() =>
        Gen.Select(Gen.ULong, Gen.Long[0, 1L << 39], Gen.Int[0, 300]).Sample((seed, epoch, count) =>
            Assert.Equal(Enumerable.Range(0, count), Sampler.Permutation(seed, epoch, count).Order()));

    [Fact]
    public void Permutation_AnyCount_IsTheDocumentedFisherYates() =>
        Gen.Select(Gen.ULong, Gen.Int[0, 100]).Sample((seed, count) =>
        {
            var random = new RandomStream(seed, RandomPurpose.Permutation, 0, stepOrEpoch: 4);
            var expected = Enumerable.Range(0, count).ToArray();
            for (var i = count - 1; i > 0; i--)
            {
                var other = random.Below(i, i + 1);
                (expected[i], expected[other]) = (expected[other], expected[i]);
            }
            Assert.Equal(expected, Sampler.Permutation(seed, 4, count));
        });

    [Fact]
    public void Permutation_ManyEpochsOfFourSamples_GivesAllOrdersEqually()
    {
        var orders = Enumerable.Range(0, 24_000)
            .CountBy(epoch => string.Join(' ', Sampler.Permutation(1, epoch, 4)))
            .ToDictionary();
        Assert.Equal(24, orders.Count);
        // The expected count is 1,000 and its standard deviation 31.
        Assert.All(orders.Values, count => Assert.InRange(count, 840, 1_160));
    }

    [Fact]
    public void Batch_AllStepsOfTwoEpochs_PartitionEachEpoch() =>
        Gen.Select(Gen.Int[1, 500], Gen.Int[1, 600]).Sample((sampleCount, batchSize) =>
        {
            var steps = Sampler.StepsPerEpoch(sampleCount, batchSize);
            var batches = Enumerable.Range(0, 2 * steps).Select(step => Sampler.Batch(step, sampleCount, batchSize)).ToArray();
            var visited = batches.SelectMany(batch =>
                Enumerable.Range(batch.First, batch.Count).Select(position => (batch.Epoch, position)));
            var expected = from epoch in new[] { 0L, 1L } from position in Enumerable.Range(0, sampleCount) select (epoch, position);
            Assert.Equal(expected, visited);
            Assert.All(batches[..(steps - 1)], batch => Assert.Equal(batchSize, batch.Count));
            Assert.All(batches, batch => Assert.NotEqual(0, batch.Count));
        });

    [Fact]
    public void Batch_ShortLastStepAndFarStep_CountsExactly()
    {
        Assert.Equal(600, Sampler.StepsPerEpoch(60_000, 100));
        Assert.Equal(new BatchPositions(3, 0, 96, 4), Sampler.Batch(3, 100, 32));
        Assert.Equal(new BatchPositions(4, 1, 0, 32), Sampler.Batch(4, 100, 32));
        Assert.Equal(new BatchPositions(1L << 40, 1L << 40, 0, int.MaxValue), Sampler.Batch(1L << 40, int.MaxValue, int.MaxValue));
    }
}
