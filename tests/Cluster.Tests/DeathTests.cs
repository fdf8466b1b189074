using DistTrain.Coordinator;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Cluster.Tests;

/// <summary>Promise 2: nothing lost. A worker that dies costs time, no bit.</summary>
/// <remarks>
/// Broken on purpose, and it failed: a lost worker's shards are not leased again; what came of a partial counts although its worker died meanwhile;
/// the coordinator adds gradients in the order they arrive.
/// </remarks>
public sealed class DeathTests
{
    private static readonly CoordinatorOptions Options = new() { LeaseDeadline = TimeSpan.FromMinutes(5), DeadTime = TimeSpan.FromSeconds(10) };

    [Fact]
    public async Task Kill_InMidRunAndReplaced_SameHashAndTheLogNamesBoth()
    {
        var spec = SmallRun.Spec(steps: 40);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = 3 });
        var workers = Enumerable.Range(0, 3).Select(_ => cluster.StartWorker()).ToArray();
        WorkerProcess? replacement = null;
        cluster.AtStep(10, () => workers[1].Kill());
        cluster.AtLoss = _ =>
        {
            // The others pause until the new one is there: else the run might be over before.
            workers[0].Signal(WorkerProcess.SigStop);
            workers[2].Signal(WorkerProcess.SigStop);
            replacement = cluster.StartWorker();
        };
        cluster.AtJoin = worker =>
        {
            if (worker.ProcessId == replacement?.Id)
            {
                workers[0].Signal(WorkerProcess.SigContinue);
                workers[2].Signal(WorkerProcess.SigContinue);
            }
        };

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(workers[1].Id, Assert.Single(cluster.Lost).Worker.ProcessId);
        Assert.Contains(cluster.Joined, worker => worker.ProcessId == replacement!.Id);
        Assert.Contains(cluster.Reissued, reissued => reissued.Round == new Round(Core.Training.RoundKind.Training, 10, spec.ShardCount));
        Assert.Contains(cluster.LogLines, line => line.Contains("Lost: worker", StringComparison.Ordinal) && line.Contains($"pid {workers[1].Id})", StringComparison.Ordinal));
        Assert.Contains(cluster.LogLines, line => line.Contains("Joined: worker", StringComparison.Ordinal) && line.Contains($"pid {replacement!.Id})", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Kill_OneOfThreeAndNobodyComes_SameHash()
    {
        var spec = SmallRun.Spec(steps: 30);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = 3 });
        var workers = Enumerable.Range(0, 3).Select(_ => cluster.StartWorker()).ToArray();
        cluster.AtStep(10, () => workers[0].Kill());
        cluster.AtStep(20, () => workers[2].Kill());

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal([workers[0].Id, workers[2].Id], cluster.Lost.Select(lost => lost.Worker.ProcessId));
        Assert.Equal([10, 20], cluster.Reissued.Select(reissued => reissued.Round.Version).Distinct());
        Assert.Equal(0, await workers[1].ExitAsync(TestCluster.Patience));
    }

    [Fact]
    public async Task Kill_AllThenOthersCome_RunGoesOnAndSaysWhomItWaitsFor()
    {
        var spec = SmallRun.Spec(steps: 30);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = 2 });
        var workers = Enumerable.Range(0, 2).Select(_ => cluster.StartWorker()).ToArray();
        cluster.AtStep(10, () => Array.ForEach(workers, worker => worker.Kill()));
        await cluster.UntilAsync(() => cluster.Lost.Count == 2 && !cluster.WaitingMessages.IsEmpty);
        cluster.StartWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Contains("Waiting for 1 more worker: 0 of 1 needed are here", cluster.WaitingMessages.Last(), StringComparison.Ordinal);
        Assert.Equal(3, cluster.Joined.Count);
    }

    /// <summary>Row P2: n bytes of a partial have come when its worker dies.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Protocol.ChunkBytes)]
    [InlineData(Protocol.ChunkBytes + 1)]
    [InlineData(-1)]
    public async Task Dies_InMidUpload_WhatCameIsDiscardedWhole(int bytes)
    {
        var spec = SmallRun.Spec(steps: 5);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = 2 });
        cluster.StartLocalWorker();
        await using (var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint))
        {
            var lease = await stub.LeaseAsync();
            var (header, _, gradient) = stub.Compute(lease!)[0];
            // Wrong bytes under a right header: they would show if any were added.
            var sent = Enumerable.Repeat((byte)1, bytes < 0 ? gradient.Length + bytes : bytes).ToArray();
            await stub.SendAsync(new WorkerMessage { Partial = header });
            foreach (var chunk in Chunks.Of(sent))
            {
                await stub.SendAsync(chunk.Data.Memory);
            }
        }

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(StubWorker.Host, Assert.Single(cluster.Lost).Worker.Host);
    }
}
