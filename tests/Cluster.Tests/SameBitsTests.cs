using DistTrain.Coordinator;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace DistTrain.Cluster.Tests;

/// <summary>Promise 1: the same bits, however many workers.</summary>
public sealed class SameBitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task Run_AnyNumberOfWorkers_EndsInTheSingleProcessHash(int workers)
    {
        var spec = SmallRun.Spec(steps: 25);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = workers, StartTimeout = TimeSpan.FromSeconds(30) });
        var processes = Enumerable.Range(0, workers).Select(_ => cluster.StartWorker()).ToArray();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(workers, cluster.Joined.Count);
        foreach (var process in processes)
        {
            Assert.Equal(0, await process.ExitAsync(TestCluster.Patience));
        }
    }
}
