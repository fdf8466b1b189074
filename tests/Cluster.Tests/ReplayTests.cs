using DistTrain.Coordinator;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Cluster.Tests;

/// <summary>What a cluster has recorded, one process computes again.</summary>
/// <remarks>Broken on purpose, and it failed: the coordinator adds gradients in the order they arrive.</remarks>
public sealed class ReplayTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Replay_StepInTheMiddleOfARunOnThreeWorkers_IsEqual()
    {
        var spec = SmallRun.Spec(steps: 25);
        using (var journal = RunJournal.Open(
            DiskFileSystem.Instance, _directory, new RunHolder("alpha", 1, DateTimeOffset.UnixEpoch), new JournalOptions(), message => Assert.Fail(message)))
        {
            await using var cluster = await TestCluster.StartAsync(
                spec,
                new CoordinatorOptions { WorkersToStart = 3, StartTimeout = TimeSpan.FromSeconds(30), CheckpointSteps = 10 },
                continuation: new RunContinuation(journal.Incarnation, null, journal));
            foreach (var _ in Enumerable.Range(0, 3))
            {
                cluster.StartWorker();
            }

            Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        }

        var run = RecordedRun.Open(DiskFileSystem.Instance, _directory, spec);
        Assert.Equal(25, run.RecordedSteps);
        using var from = run.NewestCheckpoint(17, message => Assert.Fail(message));
        using var replayer = new Replayer(run, SmallRun.Dataset, from!.Snapshot, threads: 2);
        replayer.AdvanceTo(17, TestContext.Current.CancellationToken);

        Assert.Equal((10L, ReplayVerdict.Equal), (replayer.FirstVersion, replayer.Verdict));
        Assert.All(Enumerable.Range(0, spec.ShardCount), shard => Assert.InRange(run.FindDelivery(17, shard, message => Assert.Fail(message))!.Value.Worker, 1, 3));
    }
}
