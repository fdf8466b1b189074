using DistTrain.Coordinator;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cluster.Tests;

/// <summary>Workers that share memory with their coordinator: the same bits through deaths, nothing left behind, and gRPC where there is no memory.</summary>
public sealed class SharedMemoryTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-shared-").FullName;

    public SharedMemoryTests() => Assert.SkipUnless(RunSegment.IsSupported, "This system shares no memory.");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private CoordinatorOptions Options(int workers) => new()
    {
        WorkersToStart = workers,
        StartTimeout = TimeSpan.FromSeconds(30),
        SharedMemoryDirectory = _directory,
    };

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Killed_OneOfSeveral_SameHashAndNoFileIsLeft(int workers)
    {
        var spec = SmallRun.Spec(steps: 40);
        await using (var cluster = await TestCluster.StartAsync(spec, Options(workers)))
        {
            var processes = Enumerable.Range(0, workers).Select(_ => cluster.StartWorker()).ToArray();
            cluster.AtStep(10, () => processes[0].Kill());

            Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

            Assert.All(cluster.Joined, worker => Assert.True(worker.SharesMemory));
            Assert.Equal(processes[0].Id, Assert.Single(cluster.Lost).Worker.ProcessId);
        }

        Assert.Empty(Directory.EnumerateFiles(_directory));
    }

    [Fact]
    public async Task Terminated_InMidRun_WhatItDeliveredCountsAndItLeftInOrder()
    {
        var spec = SmallRun.Spec(steps: 40);
        await using var cluster = await TestCluster.StartAsync(spec, Options(2));
        var processes = new[] { cluster.StartWorker(), cluster.StartWorker() };
        cluster.AtStep(10, () => processes[0].Signal(WorkerProcess.SigTerm));

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(0, await processes[0].ExitAsync(TestCluster.Patience));
        Assert.Contains(cluster.LeftInOrder, left => left.Worker.ProcessId == processes[0].Id);
        Assert.Empty(cluster.Lost);
    }

    /// <summary>One worker here, one that must go over the wire: as if it were on another host.</summary>
    [Fact]
    public async Task Mixed_SharedMemoryAndGrpcInOneRun_SameHash()
    {
        var spec = SmallRun.Spec(steps: 25);
        await using var cluster = await TestCluster.StartAsync(spec, Options(2));
        cluster.StartWorker();
        cluster.StartWorker("--transport", "grpc");

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal([false, true], cluster.Joined.Select(worker => worker.SharesMemory).Order());
    }

    [Fact]
    public async Task NoMemory_TheRunGoesOnOverGrpc()
    {
        var spec = SmallRun.Spec(steps: 10);
        await using var cluster = await TestCluster.StartAsync(spec, Options(1) with { SharedMemoryDirectory = Path.Combine(_directory, "none") });
        cluster.StartWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.False(Assert.Single(cluster.Joined).SharesMemory);
    }

    /// <summary>A computation that yields more partials at once than the worker has room for: with many threads and a range that is no node.</summary>
    [Fact]
    public async Task ManyPartialsOfOneLease_AllArrive()
    {
        var spec = SmallRun.Spec(steps: 12, shards: 61);
        await using var cluster = await TestCluster.StartAsync(spec, Options(3) with { AuditShare = 0.5 });
        for (var i = 0; i < 3; i++)
        {
            cluster.StartWorker();
        }

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
    }
}
