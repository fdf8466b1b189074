using System.Runtime.Intrinsics;
using DistTrain.Coordinator;
using DistTrain.Core.Optimizers;
using DistTrain.Transport.SharedMemory;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace DistTrain.Cluster.Tests;

/// <summary>Promise 1: the same bits, however many workers.</summary>
/// <remarks>
/// Broken on purpose, and it failed: the coordinator adds gradients in the order they arrive (2, 3, 5 and the mixed workers end in other hashes);
/// workers with vectors of 128 bits change one parameter by 0.001 (refused by the known answer, so the mixed run finds too few).
/// </remarks>
public sealed class SameBitsTests
{
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(5, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(5, false)]
    public async Task Run_AnyNumberOfWorkers_EndsInTheSingleProcessHash(int workers, bool sharesMemory)
    {
        var spec = SmallRun.Spec(steps: 25);
        var options = new CoordinatorOptions { WorkersToStart = workers, StartTimeout = TimeSpan.FromSeconds(30) };
        await using var cluster = await TestCluster.StartAsync(spec, sharesMemory ? options : options with { SharedMemoryDirectory = null });
        var processes = Enumerable.Range(0, workers).Select(_ => cluster.StartWorker()).ToArray();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(workers, cluster.Joined.Count);
        Assert.All(cluster.Joined, worker => Assert.Equal(sharesMemory && RunSegment.IsSupported, worker.SharesMemory));
        foreach (var process in processes)
        {
            Assert.Equal(0, await process.ExitAsync(TestCluster.Patience));
        }
    }

    /// <summary>Decay, clipping and schedule act where the sum is, once, and not at the workers.</summary>
    [Fact]
    public async Task Run_LearningWithEverything_EndsInTheSingleProcessHash()
    {
        var schedule = new ScheduleSpec(ScheduleKind.Cosine, WarmupSteps: 5);
        var spec = SmallRun.Spec(steps: 25) with
        {
            Optimizer = new OptimizerSpec("lamb", 0.01, WeightDecay: 0.1, L1: 1e-4, ClipNorm: 0.1, Schedule: schedule),
        };
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 2, StartTimeout = TimeSpan.FromSeconds(30) });
        cluster.StartWorker();
        cluster.StartWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
    }

    /// <summary>One worker with two threads, and one for each vector width that this processor has: all in one run.</summary>
    [Fact]
    public async Task Run_ThreadsAndVectorWidthsMixed_EndsInTheSingleProcessHash()
    {
        var spec = SmallRun.Spec(steps: 25, shards: 16);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 4, StartTimeout = TimeSpan.FromSeconds(30) });
        cluster.StartWorker("--threads", "2");
        cluster.StartWorker();
        cluster.StartWorker(cluster.Run.Address, new Dictionary<string, string> { ["DOTNET_EnableAVX512"] = "0" });
        cluster.StartWorker(cluster.Run.Address, new Dictionary<string, string> { ["DOTNET_PreferredVectorBitWidth"] = "128" }, "--threads", "2");

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal([1, 1, 2, 2], cluster.Joined.Select(worker => worker.Threads).Order());
        // The environment really did narrow the vectors, where there was something to narrow.
        Assert.Equal(Widths(), cluster.Joined.Select(worker => worker.VectorBits).Distinct().Order());
    }

    private static int[] Widths() =>
        Vector512.IsHardwareAccelerated ? [128, 256, 512] : Vector256.IsHardwareAccelerated ? [128, 256] : Vector128.IsHardwareAccelerated ? [128] : [0];
}
